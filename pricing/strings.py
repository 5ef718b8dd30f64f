"""Every sentence that a person is shown, in English and Korean, in one place.

Codes (reasons, doubts, fields, labels) become words here and nowhere else, so that what appraises
knows no language. A value of the catalogues that is no label, such as a brand, stays as it is.
"""

LANGUAGES = {"en": "English", "ko": "한국어"}

# key: (English, Korean), in all four
_SENTENCES = {
    # The page.
    "title": ("What is it worth?", "얼마에 팔면 좋을까요?"),
    "lead": (
        "A photo, a line of text, or both: a fair price in US dollars, how sure it is, and the "
        "products it is compared with.",
        "사진이나 글 한 줄이면 충분합니다. 적정 가격(미국 달러)과 그 범위, 비교한 상품을 "
        "보여 드립니다.",
    ),
    "language": ("Language", "언어"),
    "photo": ("Photo", "사진"),
    "photo_hint": (
        "Drop a photo here, paste one, or choose a file\nJPEG, PNG or WebP, up to 25 MB",
        "사진을 끌어 놓거나 붙여 넣거나 파일을 고르세요\nJPEG, PNG, WebP, 최대 25 MB",
    ),
    "text": ("Description", "설명"),
    "text_hint": (
        "Levi's 501 jeans, dark blue, barely worn",
        "리바이스 501 청바지, 진한 파랑, 거의 입지 않음",
    ),
    "known": ("What you know already (optional)", "이미 아는 정보 (선택)"),
    "unknown": ("Not stated", "선택 안 함"),
    "price_it": ("Find the price", "가격 알아보기"),
    "clear": ("Start over", "처음부터"),
    "retail": (
        "Learnt from shop prices of new goods, which stand in for resale prices. Wear, "
        "condition and demand are not in the data: a used piece usually sells for less.",
        "새 상품의 판매가로 학습했으며, 중고 가격을 대신합니다. 사용감, 상태, 수요는 데이터에 "
        "없으므로 중고품은 보통 이보다 낮게 팔립니다.",
    ),
    "privacy": (
        "Photos are deleted when you leave, at the latest after 15 minutes.",
        "사진은 페이지를 떠나면 삭제되며, 늦어도 15분 안에 지워집니다.",
    ),
    # Waiting and failing.
    "empty": ("The price appears here", "여기에 가격이 나타납니다"),
    "empty_1": (
        "Add a photo of one piece, best on a plain ground.",
        "한 벌만 나온 사진을 올리세요.",
    ),
    "empty_2": ("Say what it is: brand, type, material.", "브랜드, 종류, 소재를 적어 주세요."),
    "empty_3": (
        "Press the button. Either alone is enough.",
        "버튼을 누르세요. 하나만 있어도 됩니다.",
    ),
    "loading": ("Comparing it with the catalogue …", "상품 목록과 비교하는 중입니다 …"),
    "busy": ("Busy just now", "지금은 이용자가 많습니다"),
    "busy_more": (
        "Others are being served. Nothing of yours is lost: press the button again in a "
        "few seconds.",
        "다른 요청을 처리하고 있습니다. 입력한 내용은 그대로이니 잠시 뒤 버튼을 다시 눌러 주세요.",
    ),
    "failed": ("That did not work", "처리하지 못했습니다"),
    "failed_more": (
        "Something went wrong here. Try again; if it happens twice, the server's log says where.",
        "서버에서 문제가 생겼습니다. 다시 시도해 주세요. 되풀이되면 서버 로그를 확인해 주세요.",
    ),
    "photo_gone": (
        "The photo is no longer here. Please add it again.",
        "사진이 삭제되었습니다. 다시 올려 주세요.",
    ),
    "text_too_long": (
        "The text is longer than {limit} characters.",
        "글이 {limit}자를 넘습니다.",
    ),
    "field_unknown": (
        "A field holds a value that is not offered.",
        "선택할 수 없는 값이 있습니다.",
    ),
    # The answer.
    "answer": ("A fair price", "적정 가격"),
    "range": (
        "Nine in ten such pieces cost between {low} and {high}.",
        "비슷한 상품 열 개 중 아홉 개는 {low}에서 {high} 사이입니다.",
    ),
    "chart": (
        "Price {price}, 90 percent range {low} to {high}; comparable products cost {prices}.",
        "가격 {price}, 90퍼센트 범위 {low}에서 {high}, 비교 상품 가격 {prices}.",
    ),
    "chart_range": ("90 % range", "90 % 범위"),
    "chart_comparables": ("comparable products", "비교 상품"),
    "no_price": ("No price for this one", "가격을 매기지 않았습니다"),
    "no_price_more": (
        "What helps: a photo of one garment on a plain ground, and a line that names what it "
        "is, its brand and its material.",
        "단색 배경에서 옷 한 벌만 찍은 사진과 종류, 브랜드, 소재를 적은 글이 도움이 됩니다.",
    ),
    "doubts": ("Why the range is wide", "범위가 넓은 이유"),
    "labels": ("What it is", "어떤 상품인가"),
    "sure": ("{percent} % sure", "확신도 {percent} %"),
    "moved": ("What moved the price", "가격에 영향을 준 것"),
    "adds": ("the {piece} adds {usd}", "{piece} 덕분에 {usd} 높습니다"),
    "takes": ("the {piece} takes {usd} off", "{piece} 때문에 {usd} 낮습니다"),
    "attributes": ("Details", "세부 정보"),
    "read": ("Read in the text", "글에서 읽은 것"),
    "inferred": ("Inferred", "추정한 것"),
    "comparables": ("Comparable products", "비교 상품"),
    "alike": ("{percent} % alike", "유사도 {percent} %"),
    "no_picture": ("no picture", "사진 없음"),
    "model": (
        "Model trained on “{data}” data, {created}, preset {preset}.",
        "“{data}” 데이터로 {created}에 학습한 모델, 프리셋 {preset}.",
    ),
}

# Why a photo is not taken: ``uploads.CODES``.
_PHOTOS = {
    "missing": ("There is no such photo.", "그런 사진이 없습니다."),
    "empty": ("The file is empty.", "빈 파일입니다."),
    "too_large": ("The photo is larger than 25 MB.", "사진이 25 MB보다 큽니다."),
    "too_many_pixels": (
        "The photo has more than 64 million pixels.",
        "사진이 6,400만 화소를 넘습니다.",
    ),
    "too_small": ("The photo is too small to show anything.", "사진이 너무 작습니다."),
    "too_narrow": ("The photo is a strip, far too narrow.", "사진이 너무 좁고 깁니다."),
    "not_an_image": (
        "This file is not a photo that can be read. JPEG, PNG and WebP are.",
        "읽을 수 있는 사진이 아닙니다. JPEG, PNG, WebP 파일을 올려 주세요.",
    ),
    "damaged": (
        "The photo is damaged and cannot be read to its end.",
        "사진 파일이 손상되어 끝까지 읽을 수 없습니다.",
    ),
}

# Why there is no price, or a wide range: the codes of the appraisal.
_REASONS = {
    "nothing_to_go_by": (
        "There is nothing to go by: no photo, and no English text that says what it is.",
        "판단할 근거가 없습니다. 사진도, 무엇인지 알려 주는 영어 글도 없습니다.",
    ),
    "no_garment": (
        "The photo does not seem to show clothing, shoes or accessories.",
        "사진에 옷, 신발, 액세서리가 보이지 않는 것 같습니다.",
    ),
    "unclear_text": (
        "The text could not be understood (English is), so the photo alone counts.",
        "글을 이해하지 못해(영어만 읽습니다) 사진만 보았습니다.",
    ),
    "unknown_brand": (
        "The brand is not among those the model has learnt from.",
        "모델이 학습한 브랜드가 아닙니다.",
    ),
    "contradiction": (
        "The text, the photo and what is stated do not agree.",
        "글, 사진, 입력한 정보가 서로 맞지 않습니다.",
    ),
}

# Fields and the pieces of a listing, then labels.
_WORDS = {
    "photo": ("Photo", "사진"),
    "text": ("Text", "글"),
    "category": ("Category", "카테고리"),
    "gender": ("Gender", "성별"),
    "usage": ("Usage", "용도"),
    "brand": ("Brand", "브랜드"),
    "product_type": ("Type", "종류"),
    "colour": ("Colour", "색상"),
    "material": ("Material", "소재"),
    "care": ("Care", "관리"),
    "style": ("Style", "스타일"),
    "item": ("Item", "품목"),
    "other": ("Details", "특징"),
    "sleeve": ("Sleeve", "소매"),
    "fabric": ("Fabric", "원단"),
    "pattern": ("Pattern", "무늬"),
    "neck": ("Neck", "목선"),
    "fit": ("Fit", "핏"),
    "occasion": ("Occasion", "용도"),
    "Men": ("Men", "남성"),
    "Women": ("Women", "여성"),
    "Boys": ("Boys", "남아"),
    "Girls": ("Girls", "여아"),
    "Unisex": ("Unisex", "남녀 공용"),
    "Tops": ("Tops", "상의"),
    "Shirts": ("Shirts", "셔츠"),
    "Knitwear": ("Knitwear", "니트"),
    "Outerwear": ("Outerwear", "아우터"),
    "Bottomwear": ("Bottomwear", "하의"),
    "Dresses": ("Dresses", "원피스"),
    "Innerwear": ("Innerwear", "속옷"),
    "Swimwear": ("Swimwear", "수영복"),
    "Ethnic": ("Ethnic", "전통 의상"),
    "Shoes": ("Shoes", "신발"),
    "Accessories": ("Accessories", "액세서리"),
    "Casual": ("Casual", "캐주얼"),
    "Sports": ("Sports", "스포츠"),
    "Formal": ("Formal", "정장"),
    "Smart Casual": ("Smart Casual", "스마트 캐주얼"),
    "Party": ("Party", "파티"),
    "Travel": ("Travel", "여행"),
    "Home": ("Home", "홈웨어"),
}


def _in(language: str, pair: tuple[str, str]) -> str:
    return pair[1] if language == "ko" else pair[0]


def every() -> dict[str, tuple[str, str]]:
    """All sentences and words by key, to be checked."""
    return {**_SENTENCES, **_PHOTOS, **_REASONS, **_WORDS}


def say(language: str, key: str, **values: object) -> str:
    """The sentence of that key; KeyError for a key that is not in the table."""
    return _in(language, _SENTENCES[key]).format(**values)


def word(language: str, value: str) -> str:
    """A field's name or a label in that language; anything else as it is."""
    return _in(language, _WORDS[value]) if value in _WORDS else value.replace("_", " ")


def photo(language: str, code: str) -> str:
    """Why a photo is not taken, from the ``code`` of its BrokenImageError."""
    return _in(language, _PHOTOS[code])


def reason(language: str, code: str) -> str:
    """The sentence for why there is no price, or why the range is wide."""
    return _in(language, _REASONS[code])


def usd(amount: float) -> str:
    """12.3 -> "$12.30", and from a thousand on without cents."""
    return f"${amount:,.0f}" if amount >= 999.995 else f"${amount:,.2f}"


def moved(language: str, piece: str, value: str | None, amount: float) -> str:
    """What one piece of the listing (``brand``, of that value) did to the price: a clause."""
    name = word(language, piece)
    name = name.lower() if language == "en" else name
    if value:
        name += f" ({word(language, value)})"
    return say(language, "adds" if amount >= 0 else "takes", piece=name, usd=usd(abs(amount)))


def choose(wanted: str | None, accepted: str | None) -> str:
    """The language of ``?lang=`` where there is one, else the browser's first that is spoken here.

    ``accepted`` is an Accept-Language header, whose order is taken as the preference.
    """
    for each in [wanted or "", *(accepted or "").split(",")]:
        code = each.split(";")[0].strip().lower()[:2]
        if code in LANGUAGES:
            return code
    return "en"
