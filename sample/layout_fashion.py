"""Writes invented products as the Fashion download: same files, columns, JSON keys and quirks.

https://www.kaggle.com/datasets/paramaggarwal/fashion-product-images-dataset
"""

import json
from html import escape
from pathlib import Path

import numpy as np

from sample.pictures import Picture, pictures_of
from sample.products import Product

FASHION_HEADER = (
    "id,gender,masterCategory,subCategory,articleType,baseColour,season,year,usage,"
    "productDisplayName"
)

_FABRIC = {"viscose": "Viscose Rayon", "cashmere": "Wool", "faux leather": "Synthetic Leather"}
_PATTERN = {"dotted": "Printed", "denim": "Washed"}
_SLEEVE = {"none": "Sleeveless", "short": "Short Sleeves", "long": "Long Sleeves"}
_WASH = {"Dry": "Dry Clean", "Hand": "Hand Wash", "Machine": "Machine Wash"}


def fashion_title(product: Product, colour: str) -> str:
    """The display name; colours of one style share it, so theirs leaves the colour out."""
    shown = "" if len(product.ids) > 1 else colour.title()
    parts = (product.brand, product.gender, product.words.name, shown, product.look.title())
    title = " ".join(filter(None, (*parts, product.kind.noun)))
    return f"{title}, with Pouch and Spare Button" if product.case == "unquoted_comma" else title


def fashion_descriptors(product: Product) -> dict[str, str]:
    """HTML by descriptor, with the entities and stray tags of the real ones."""
    if product.case == "no_description":
        return {}
    w, noun = product.words, product.kind.noun
    opening = f"{product.look.capitalize()} {noun}" if product.look else noun.capitalize()
    about = f"{opening} {escape(w.whom)} by {escape(product.brand)}, with {w.detail}"
    if product.case == "price_in_text":
        about += f". Now at only Rs. {product.price:,}"
    markup = (
        f"<p>{about}</p>",
        f"<p>{about}<br /></p>\n<p>&nbsp;</p>",
        f'<div id="_mcePaste" style="position: absolute; left: 0;">{about}</div>',
        f"<ul>\n<li>{about}</li>\n<li>{w.care}&nbsp;</li>\n</ul>",
    )[w.variant % 4]
    note = f"<p>{escape(w.occasion)} &ndash; you&rsquo;ll love it.</p>"
    care = f"<p>{w.composition}<br />{w.care.replace(chr(176), '&deg;')}</p>"
    descriptors = {"description": markup, "style_note": note, "materials_care_desc": care}
    if w.fit:
        descriptors["size_fit_desc"] = f"<p>{w.fit}<br /> The model is wearing a size M</p>"
    return descriptors


def _attributes(product: Product) -> dict[str, str]:
    fabric = _FABRIC.get(product.material, product.material.title())
    pattern = _PATTERN.get(product.pattern, product.pattern.title())
    if product.kind.category in ("Shoes", "Accessories"):
        return {"Material": fabric, "Occasion": product.usage, "Pattern": pattern}
    attributes = {
        "Fabric": fabric,
        "Pattern": pattern,
        "Fit": product.words.fit.title(),
        "Wash Care": _WASH.get(product.words.care.split()[0], "Machine Wash"),
        "Occasion": product.usage,
        "Body or Garment Size": "Garment Measurements in",
    }
    if product.kind.sleeves != ("none",):
        attributes |= {"Sleeve Length": _SLEEVE[product.sleeve], "Neck": "Round Neck"}
    return attributes


def _type(number: int, name: str) -> dict:
    flags = ("active", "socialSharingEnabled", "isReturnable", "isExchangeable",
             "pickupEnabled", "isTryAndBuyEnabled")  # fmt: skip
    return {"id": number, "typeName": name, **dict.fromkeys(flags, True)}


def write_fashion(products: list[Product], folder: Path, seed: int) -> list[Picture]:
    """styles.csv, images.csv and styles/*.json; returns the pictures to draw."""
    rng = np.random.default_rng([seed, 3])
    styles, images, pictures = [FASHION_HEADER], ["filename,link"], []
    for product in products:
        size = (60, 80) if product.words.variant % 20 == 0 else (210, 280)
        paths = [folder / "images" / f"{i}.jpg" for i in product.ids]
        pictures += pictures_of(product, paths, size, seed)
        for style, colour in zip(product.ids, product.colours, strict=True):
            data = _style(product, style, colour, rng)
            # Unquoted, as in the real file: the display name is the last field.
            types = [data[k]["typeName"] for k in ("masterCategory", "subCategory", "articleType")]
            row = [style, data["gender"], *types, data["baseColour"], data["season"], data["year"],
                   data["usage"], data["productDisplayName"]]  # fmt: skip
            styles.append(",".join(row))
            images.append(f"{style}.jpg,http://images.example.com/properties/{style}_images.jpg")
            if product.case == "no_json":
                continue
            reply = {"notification": {}, "meta": {"code": 200, "requestId": style}, "data": data}
            text = json.dumps(reply)
            if product.case == "broken_json":
                text = text[: len(text) // 2]
            (folder / "styles" / f"{style}.json").write_text(text, "utf-8")
    (folder / "styles.csv").write_text("\n".join(styles) + "\n", "utf-8")
    (folder / "images.csv").write_text("\n".join(images) + "\n", "utf-8")
    return pictures


def _style(product: Product, style: str, colour: str, rng: np.random.Generator) -> dict:
    """The ``data`` of one ``styles/<id>.json``."""
    master, sub = product.kind.main, product.kind.part
    kind = (product.kind.number, product.kind.label)
    if product.case == "unknown_type":
        kind = (999, "Glow Capes")
    elif product.case == "not_wearable":
        master, sub, kind = (11, "Personal Care"), (36, "Fragrance"), (162, "Perfume and Body Mist")
    gender, child = product.gender, product.gender in ("Boys", "Girls")
    if product.case == "child_under_adult_gender":
        gender = {"Boys": "Men", "Girls": "Women"}[gender]
    price = 0 if product.case == "zero_price" else product.price
    # What a shop asked before a discount says more than a listing does; here it is 18% of them.
    off = float(rng.choice((0.2, 0.3, 0.4, 0.5))) if rng.random() < 0.18 else 0.0
    listed = round(price / (1 - off))
    title = fashion_title(product, colour)
    name = kind[1].replace(" ", "-")
    image = f"http://images.example.com/properties/{style}_images.jpg"
    return {
        "id": int(style),
        "price": listed,
        "discountedPrice": price,
        "styleType": "P",
        "productTypeId": 200 + kind[0],
        "articleNumber": f"{product.words.name[:3].upper()}-{style}",
        "visualTag": "",
        "productDisplayName": title,
        "variantName": f"{product.words.name} {product.kind.noun}",
        "myntraRating": int(rng.integers(0, 2)),
        "catalogAddDate": 1_448_434_730 + int(rng.integers(0, 10**7)),
        "brandName": product.brand,
        "ageGroup": f"{'Kids' if child else 'Adults'}-{product.gender}",
        "gender": gender,
        "baseColour": colour.title(),
        "colour1": product.accent.title(),
        "colour2": "NA",
        "fashionType": "Fashion",
        "season": str(rng.choice(("Summer", "Fall", "Winter", "Spring"))),
        "year": str(rng.integers(2011, 2018)),
        "usage": "NA" if product.case == "na_usage" else product.usage,
        "vat": 5.5 if master[1] == "Apparel" else 14.5,
        "displayCategories": f"{product.usage} Wear",
        "weight": "0",
        "navigationId": 0,
        "landingPageUrl": f"{name}/{style}/buy",
        "articleAttributes": _attributes(product),
        "crossLinks": [{"key": f"More {kind[1]}", "value": f"{name.lower()}?f=gender:{gender}"}],
        "brandUserProfile": {},
        "codEnabled": True,
        "styleImages": {"default": {"imageURL": image, "resolutions": {}, "imageType": "default"}},
        "lookGoodAlbum": {},
        "style360Images": {},
        "masterCategory": _type(*master),
        "subCategory": _type(*sub),
        "articleType": _type(*kind),
        "isEMIEnabled": True,
        "otherFlags": [{"dataType": "BOOLEAN", "name": "isFragile", "value": "false"}],
        "articleDisplayAttr": {"id": kind[0]},
        "productDescriptors": {
            name: {"descriptorType": name, "value": value}
            for name, value in fashion_descriptors(product).items()
        },
        "styleOptions": [{"id": int(style), "name": "Size", "value": "M", "available": True}],
        "discountData": {"discountType": 1, "discountPercent": round(off * 100)} if off else None,
    }
