"""What regular expressions read out of a listing: brand, material, care, style, item, details.

The vocabularies are closed and of the trade; what they do not know stays empty, for the LLM to
fill (:mod:`common.attributes`). Every value is made of pieces of the text, joined by ", ".
"""

import re
from collections.abc import Iterable

import pandas as pd

Gazetteer = re.Pattern

# --- vocabularies ------------------------------------------------------------------------------

_FIBRE = r"""cotton|polyester|viscose|rayon|modal|lyocell|tencel|linen|silk|wool|cashmere|mohair|
alpaca|angora|merino|acrylic|nylon|polyamide|elastane|spandex|lycra|elasthan|polyurethane|
polypropylene|polyethylene|bamboo|jute|hemp|ramie|cupro|acetate|metallic\ fibre|
(?:duck|goose)\ down|feathers?"""
_FABRIC = r"""leatherette|leather|suede|nubuck|pu|pvc|tpu|eva|rubber|synthetic|canvas|denim|mesh|
microfib(?:re|er)|microfleece|jersey|twill|corduroy|fleece|velvet|velour|satin|chiffon|tulle|georgette|
cr[eê]pe|voile|poplin|flannel|chambray|seersucker|taffeta|organza|brocade|dupion\ silk|tweed|
(?:sweatshirt|woven|functional|blended|airy|textured|stretch)\ (?:fabric|weave)|broderie\ anglaise|terry|lace(?![- ]ups?)|fine\ knit|rib\ knit|cable\ knit|knit|
leatherite|pile|faux\ fur|shearling|neoprene|polycarbonate|plastic|metal|stainless\ steel|straw|felt"""
_MATERIAL_GRADE = r"""pure|organic|recycled|faux|imitation|artificial|genuine|premium|combed|
brushed|ribbed|stretch|blended|poly|man[- ]made|synthetic|micro|patent|washed|fine"""

_STYLE = {
    "fit": r"""(?:super[- ])?(?:slim|regular|comfort|loose|skinny|relaxed|tight|tailored|muscle|
        body|tapered|standard|athletic|classic|snug|modern)[- ](?:fit(?:ted|ting)?|cut)|
        fit(?:ting)?\ (?:slim|regular|comfort|loose|skinny|relaxed|tailored)|
        (?:straight|wide|boot|flared|tapered|slim)[- ]?(?:cut|legs?|legged)|
        oversized|fitted|boxy|a-line|straight-cut|wide-cut|boot-cut|bootcut""",
    "sleeve": r"""(?:extra[- ])?(?:long|short|half|full|three[- ]quarter|3/4(?:th)?|cap|puff(?:ed)?|
        raglan|roll(?:ed)?[- ]up|batwing|dolman|kimono|bell|balloon|flutter|raglan|trumpet)
        [- ]sleeve[sd]?|sleeveless|(?:narrow|wide|adjustable|spaghetti)?\ ?shoulder\ straps|strapless""",
    "neck": r"""(?:round|crew|v|deep\ v|scoop(?:ed)?|boat|polo|square|cowl|halter|turtle|mock|high|
        roll|keyhole|sweetheart|henley|tie-up|mandarin|spread|button(?:ed)?-down|cutaway|turn-down|
        stand-up|resort|grandad|shirt|peter\ pan|notch(?:ed)?\ lapel|shawl|band|chinese|nehru)
        [- ]?(?:neckline|neck(?:ed)?|collar(?:ed)?)|off-the-shoulder|one-shoulder|hooded|
        notch(?:ed)?\ lapels?|collared""",
    "pattern": r"""(?:graphic|floral|all-over|allover|chest|animal|leopard|abstract|paisley|logo|
        printed)\ (?:print(?:ed|s)?|pattern(?:ed)?|motifs?)|pinstripe[ds]?|(?:polka\ )?dots?|dotted|
        striped|stripes?|check(?:s|ed|ered)|plaid|tartan|gingham|floral|solid|self[- ]design|
        colou?r[- ]?block(?:ed)?|embroidered|embellished|printed|patterned|print\ motif|melange|
        houndstooth|camouflage|tie[- ](?:and[- ])?dye[d]?|quilted|ribbed|textured|washed|distressed""",
    "length": r"""(?:knee|calf|ankle|hip|floor|thigh|full|mid-calf|three-fourth|mid-thigh)[- ]length|
        cropped|capri|mini|midi|maxi|(?:short|long)(?=\ (?:dress|skirt|jacket|coat|shorts|kurta|top))|
        high-?top|mid-?top|low-?top""",
    "rise": r"(?:high|low|mid|regular)[- ](?:waist(?:ed)?|rise)",
    "heel": r"""(?:block|wedge|stiletto|kitten|chunky|cone|platform|high|flat)[- ]heel(?:ed|s)?|
        wedges?\b|(?:open|peep|pointed|round|square|almond)[- ]toe[sd]?""",
    "occasion": r"casual|formal|party|sports?|everyday|ethnic|festive|lounge|beach|office|workwear",
}

_CARE = r"""
(?:gentle\ |delicate\ |normal\ |cold\ |warm\ |preferably\ )*(?:machine|hand)[- ]wash(?:able)?
    (?:\ (?:separately|gentle|cold|warm|hot))*(?:\ (?:in|at|with)\ (?:cold|warm|cool|lukewarm)\ water)?|
(?:do\ not|don'?t|never)\ (?:machine\ wash|hand\ wash|dry\ ?clean|tumble\ dry|bleach|iron|wring|soak|scrub|
    brush|twist|wash)(?:(?:,\ |\ or\ |\ and\ |,\ or\ )(?:dry\ ?clean|tumble\ dry|bleach|iron|wring|soak|
    scrub|twist))*|
dry\ ?clean(?:\ only|able)?|
wash\ (?:dark\ colou?rs\ |and\ dry\ )?(?:separately|inside\ out|cold|warm|in\ cold\ water|
    with\ (?:like|similar)\ colou?rs|(?:at|in|below)\ \d+\ degrees)|
(?:below|at|in|under)\ \d+\ ?(?:degrees|°\ ?c?)|
with\ (?:like|similar)\ colou?rs|(?:mild|gentle|soft)\ (?:detergent|soap)|
(?:tumble|line|drip|hang|flat|air)\ dry(?:\ (?:low|flat|on\ low|in\ (?:the\ )?shade|inside\ out))*|
dry\ (?:flat|under|in)\ ?(?:the\ |in\ )?(?:shade|sun)?|
(?:low|medium|moderate|cool|warm|hot|steam|light)\ (?:to\ (?:hot|warm|medium)\ )?iron|
wipe[^.;:]{0,40}?\bcloth|(?:clean|soft|dry|damp)[, ]+(?:clean\ |dry\ |damp\ |soft\ )?cloth|
(?:use\ )?(?:leather|shoe)\ (?:cleaner|polish|shampoo)
"""

_ITEM = r"""t-?shirts?|tees?|polo\ shirts?|shirts?|blouses?|tunics?|kurtas?|kurtis?|camisoles?|
tank\ tops?|tops?|vests?|jumpers?|sweaters?|pullovers?|cardigans?|sweatshirts?|hoodies?|hoody|
jackets?|coats?|blazers?|waistcoats?|parkas?|anoraks?|trousers|pants|chinos|joggers|jeans|jeggings|
treggings|leggings|tights|stockings|capris?|shorts|bermudas?|skirts?|skorts?|culottes|dungarees|
dress(?:es)?|gowns?|jumpsuits?|playsuits?|rompers?|overalls?|sarees?|saris?|dupattas?|churidars?|
patialas?|salwars?|lehengas?|bras?|bralettes?|briefs|boxers?|trunks?|thongs?|hipsters?|knickers|
bod(?:y|ies|ysuits?)|bikinis?(?:\ (?:top|bottoms?|briefs))?|swimsuits?|pyjamas?|nightdress(?:es)?|
nightgowns?|night\ suits?|robes?|bathrobes?|shoes?|sneakers?|trainers?|boots?|booties?|sandals?|
flip[- ]flops?|slippers?|heels|pumps|ballerinas?|flats|loafers?|moccasins?|clogs|mules|espadrilles|
handbags?|bags?|backpacks?|rucksacks?|clutch(?:es)?|wallets?|purses?|totes?|belts?|ties|tie|
bow\ ties?|scar(?:f|ves)|stoles?|mufflers?|shawls?|gloves|mittens|caps?|hats?|beanies?|headbands?|
hairbands?|hair\ clips?|scrunchies?|sunglasses|umbrellas?|cufflinks?|suspenders|tracksuits?|
track\ pants|wristbands?|suits?|sets?"""

_DETAIL = r"""(?:(?:patch|side|chest|back|front|open|flap|insert|slip|zipped|kangaroo|welt|in-seam|
fake|concealed|two|five|four|single)\ )*pockets?|(?:concealed\ |metal\ |front\ )?zip(?:per(?:ed)?|ped)?
(?:\ (?:fly|closure|fastening))?|buttons?\ (?:down\ the\ front|placket|closure)|buttoned\ (?:placket|
cuffs|closure|front)|(?:lined\ )?hood|drawstring(?:\ (?:waist(?:band)?|hem))?|elasticated\ (?:waist(?:band)?|
cuffs|hem|seam)|(?:detachable\ )?tie\ belt|belt\ loops|(?:adjustable|detachable|removable)\ (?:shoulder\ )?
(?:straps?|belt|hood)|smocking|pleats?|pleated|ruffles?|frill(?:ed|s)?|flounces?|gathers|gathered|
embroidery|appliqu[eé]d?|beads?|sequins?|studs?|fringes?|lac(?:e-ups?|ing)|lace\ trims?|(?:fully\ |un)?lined|
ribbing|ribbed\ (?:cuffs|hem|waistband)|curved\ hem(?:line)?|vented\ hem|(?:slit|slits)|dropped\ shoulders|
yoke|underwired?|padded\ cups|velcro|magnetic\ (?:button\ )?closure|buckles?|cushioned\ \w+|
(?:textured|rubber|tpu|eva|gum\ rubber)\ (?:out)?sole|graphic\ print|brand(?:ed)?\ (?:tab|logo)|logo"""

# How many pieces a value holds at most; a list of twenty details helps no reader and no model.
_MOST = {"material": 4, "care": 8, "other": 6}


def _pattern(*alternatives: str) -> re.Pattern:
    return re.compile(rf"\b(?:{'|'.join(alternatives)})(?!\w)", re.IGNORECASE | re.VERBOSE)


_GRADED = rf"(?:(?:{_MATERIAL_GRADE})[ -]+)*"
_PERCENT = r"\d{1,3}(?:\.\d+)?\s*(?:%|percent|per\ cent)"
_COMPOSITION = _pattern(
    rf"{_PERCENT}\s*(?:of\s+)?(?:{_GRADED}(?:{_FIBRE}|{_FABRIC})(?:\s+(?:leather|fibre|blend))?)",
    rf"(?:{_FIBRE}|{_FABRIC})\s*[:(-]?\s*{_PERCENT}\)?",
)
_MATERIAL = _pattern(
    rf"{_GRADED}(?:(?:{_FIBRE}|{_FABRIC})[ -]+)*(?:{_FIBRE}|{_FABRIC})"
    r"(?:[ -](?:blend|weave|mix|lining|upper|fabric))?"
)
_STYLES = {name: _pattern(words) for name, words in _STYLE.items()}
_CARE_WORDING, _ITEMS, _DETAILS = _pattern(_CARE), _pattern(_ITEM), _pattern(_DETAIL)


# --- reading -----------------------------------------------------------------------------------


def gazetteers(table: pd.DataFrame) -> dict[str, Gazetteer]:
    """Per source, the pattern of the brands that its training rows name.

    A source with one house brand (H&M) has a gazetteer of that one name.
    """
    learned = table[table["split"] == "train"]
    return {
        source: gazetteer(rows["brand"])
        for source, rows in learned.groupby("dataset_source", sort=True)
    }


def gazetteer(brands: Iterable[str]) -> Gazetteer:
    """A pattern of these names, the longest first, whatever their case and spacing."""
    names = sorted({brand.strip() for brand in brands} - {""}, key=lambda name: (-len(name), name))
    ways = (r"\s+".join(re.escape(word) for word in name.split()) for name in names)
    return re.compile(rf"(?<!\w)(?:{'|'.join(ways) or '(?!)'})(?!\w)", re.IGNORECASE)


def read(title: str, description: str, brands: Gazetteer) -> dict[str, str]:
    """What the rules find, by attribute; empty where they find nothing.

    Keys: brand, material, care, style, item, other.
    """
    text = f"{title}. {description}"
    return {
        "brand": _brand(title, description, brands),
        "material": _pieces(_COMPOSITION, text, "material") or _pieces(_MATERIAL, text, "material"),
        "care": _pieces(_CARE_WORDING, description, "care"),
        "style": ", ".join(
            found[0] for pattern in _STYLES.values() if (found := pattern.search(text))
        ),
        "item": _item(title, description),
        "other": _pieces(_DETAILS, description, "other"),
    }


def _brand(title: str, description: str, brands: Gazetteer) -> str:
    # A listing's title opens with its brand; elsewhere "Arrow" or "Basics" may be plain words, so
    # there only the spelling with a capital counts.
    found = brands.match(title)
    if not found:
        found = next(
            (hit for hit in brands.finditer(f"{title}. {description}") if hit[0][0].isupper()), None
        )
    return found[0] if found else ""


def _item(title: str, description: str) -> str:
    # English puts the head of a noun phrase last: "Check Navy Blue Shirt".
    named = _ITEMS.findall(title)
    if named:
        return named[-1]
    found = _ITEMS.search(description)
    return found[0] if found else ""


def _pieces(pattern: re.Pattern, text: str, attribute: str) -> str:
    """The distinct matches in the order of the text, without those inside a longer one."""
    found = {
        " ".join(hit[0].split()).casefold(): " ".join(hit[0].split())
        for hit in pattern.finditer(text)
    }
    kept = [
        value
        for key, value in found.items()
        if not any(key != other and key in other for other in found)
    ]
    return ", ".join(kept[: _MOST[attribute]])
