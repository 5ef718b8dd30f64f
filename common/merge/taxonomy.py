"""Source labels -> 5 genders, 11 categories, 8 usages.

The category follows the fine type (H&M ``product_type_name``, Fashion ``articleType``), so that
a class means the same in both sources. Every value of both downloads stands here by name:
mapped, or dropped on purpose. A value that stands nowhere maps to ``None`` and is reported by
name; it is never guessed.

Borderline rules, the same for both sources: one-piece garments (jumpsuit, romper) are Dresses;
a set takes the category of its upper piece; sweatshirts and hoodies are Knitwear, as H&M's type
"Sweater" holds them too; blouses and tunics are Tops; nightwear, hosiery that is underwear and
sports bras are Innerwear; waistcoats and blazers are Outerwear; bags, headwear, eyewear, belts,
ties and gloves are Accessories.
"""

GENDERS = ("Men", "Women", "Boys", "Girls", "Unisex")
CATEGORIES = (
    "Tops",
    "Shirts",
    "Knitwear",
    "Outerwear",
    "Bottomwear",
    "Dresses",
    "Innerwear",
    "Swimwear",
    "Ethnic",
    "Shoes",
    "Accessories",
)
USAGES = ("Casual", "Sports", "Ethnic", "Formal", "Smart Casual", "Party", "Travel", "Home")


def _types(groups: dict[str, str]) -> dict[str, str]:
    """``{"Tops": "Top | T-shirt"}`` -> ``{"Top": "Tops", "T-shirt": "Tops"}``."""
    return {name: group for group, names in groups.items() for name in names.split(" | ")}


HNM_CATEGORY = _types(
    {
        "Tops": "Top | T-shirt | Vest top | Blouse | Polo shirt | Bodysuit | Garment Set",
        "Shirts": "Shirt",
        "Knitwear": "Sweater | Cardigan | Hoodie",
        "Outerwear": "Jacket | Coat | Blazer | Outdoor Waistcoat | Tailored Waistcoat | "
        "Outdoor overall",
        "Bottomwear": "Trousers | Shorts | Skirt | Leggings/Tights | Outdoor trousers | Dungarees",
        "Dresses": "Dress | Jumpsuit/Playsuit",
        "Innerwear": "Bra | Underwear bottom | Underwear body | Underwear corset | Underwear set | "
        "Underwear Tights | Underdress | Kids Underwear top | Long John | Pyjama set | "
        "Pyjama bottom | Pyjama jumpsuit/playsuit | Night gown | Robe",
        "Swimwear": "Swimsuit | Bikini top | Swimwear top | Swimwear bottom | Swimwear set | "
        "Sarong",
        "Shoes": "Sneakers | Boots | Bootie | Sandals | Heeled sandals | Heels | Pumps | Wedge | "
        "Ballerinas | Flat shoe | Flat shoes | Flip flop | Slippers | Moccasins | Pre-walkers | "
        "Other shoe",
        "Accessories": "Bag | Backpack | Shoulder bag | Cross-body bag | Tote bag | Bumbag | "
        "Weekend/Gym bag | Wallet | Belt | Braces | Tie | Scarf | Gloves | Sunglasses | "
        "Eyeglasses | Umbrella | Hat/beanie | Hat/brim | Beanie | Cap | Cap/peaked | Bucket hat | "
        "Felt hat | Straw hat | Hair/alice band | Alice band | Hairband | Headband | Hair clip | "
        "Hair string | Hair ties | Leg warmers | Baby Bib | Accessories set | Other accessories",
    }
)
HNM_DROPPED = frozenset(
    (
        "Socks | Watch | Earring | Earrings | Necklace | Ring | Bracelet | "
        "Fine cosmetics | Chem. cosmetics | Nipple covers | Bra extender | Costumes | Sleep Bag | "
        "Sleeping sack | Soft Toys | Toy | Giftbox | Dog Wear | Dog wear | Side table | Cushion | "
        "Blanket | Towel | Waterbottle | Washing bag | Sewing kit | Wood balls | Zipper head | "
        "Mobile case | Wireless earphone case | Keychain | Marker pen | Stain remover spray | "
        "Clothing mist"
    ).split(" | ")
)
# H&M leaves some articles' type "Unknown". Where no variant of the product has one, its garment
# group tells, if it holds a single category. Jersey, Accessories, Unknown and the like do not.
HNM_UNTYPED = "Unknown"
HNM_UNTYPED_CATEGORY = {
    "Blouses": "Tops",
    "Shirts": "Shirts",
    "Knitwear": "Knitwear",
    "Outdoor": "Outerwear",
    "Trousers": "Bottomwear",
    "Trousers Denim": "Bottomwear",
    "Shorts": "Bottomwear",
    "Skirts": "Bottomwear",
    "Dresses Ladies": "Dresses",
    "Under-, Nightwear": "Innerwear",
    "Swimwear": "Swimwear",
    "Shoes": "Shoes",
}

FASHION_CATEGORY = _types(
    {
        "Tops": "Tshirts | Tops | Tunics | Lounge Tshirts | Clothing Set",
        "Shirts": "Shirts",
        "Knitwear": "Sweaters | Sweatshirts | Shrug",
        "Outerwear": "Jackets | Rain Jacket | Blazers | Waistcoat | Suits | Tracksuits",
        "Bottomwear": "Jeans | Jeggings | Trousers | Track Pants | Shorts | Capris | Leggings | "
        "Tights | Skirts | Lounge Pants | Lounge Shorts | Rain Trousers",
        "Dresses": "Dresses | Jumpsuit | Rompers",
        "Innerwear": "Bra | Briefs | Boxers | Trunk | Innerwear Vests | Camisoles | Shapewear | "
        "Stockings | Night suits | Nightdress | Baby Dolls | Robe | Bath Robe",
        "Swimwear": "Swimwear",
        "Ethnic": "Kurtas | Kurtis | Kurta Sets | Sarees | Lehenga Choli | Salwar | "
        "Salwar and Dupatta | Churidar | Patiala | Dupatta | Nehru Jackets",
        "Shoes": "Casual Shoes | Sports Shoes | Formal Shoes | Heels | Flats | Sandals | "
        "Sports Sandals | Flip Flops | Booties",
        "Accessories": "Handbags | Backpacks | Clutches | Laptop Bag | Messenger Bag | "
        "Duffel Bag | Rucksacks | Trolley Bag | Waist Pouch | Mobile Pouch | Tablet Sleeve | "
        "Wallets | Belts | "
        "Sunglasses | Caps | Hat | Headband | Hair Accessory | Ties | Ties and Cufflinks | "
        "Cufflinks | Suspenders | Scarves | Stoles | Mufflers | Gloves | Wristbands | Umbrellas | "
        "Travel Accessory | Accessory Gift Set",
    }
)
FASHION_DROPPED = frozenset(
    (
        "Socks | Watches | Earrings | Pendant | Ring | Bangle | Bracelet | "
        "Necklace and Chains | Jewellery Set | Perfume and Body Mist | Deodorant | "
        "Fragrance Gift Set | Lipstick | Lip Gloss | Lip Liner | Lip Care | Lip Plumper | "
        "Nail Polish | Nail Essentials | Kajal and Eyeliner | Eyeshadow | Mascara | Eye Cream | "
        "Compact | Concealer | Foundation and Primer | Highlighter and Blush | Makeup Remover | "
        "Beauty Accessory | Face Moisturisers | Face Wash and Cleanser | "
        "Face Scrub and Exfoliator | Face Serum and Gel | Mask and Peel | Toner | Sunscreen | "
        "Body Lotion | Body Wash and Scrub | Hair Colour | Mens Grooming Kit | Shoe Accessories | "
        "Shoe Laces | Key chain | Water Bottle | Cushion Covers | Ipad | "
        "Footballs | Basketballs | Free Gifts"
    ).split(" | ")
)


def hnm_category(product_type: str, garment_group: str) -> str | None:
    """The category of an H&M article, or None: dropped on purpose (`HNM_DROPPED`) or unseen."""
    if product_type == HNM_UNTYPED:
        return HNM_UNTYPED_CATEGORY.get(garment_group)
    return HNM_CATEGORY.get(product_type)


HNM_INDEX_GENDER = {
    "Ladieswear": "Women",
    "Menswear": "Men",
    # H&M's line for young women: dresses, skirts, blouses, and no department for men.
    "Divided": "Women",
}
HNM_SECTION_GENDER = {"Ladies H&M Sport": "Women", "Men H&M Sport": "Men"}
HNM_SPLIT_INDEX_GROUPS = frozenset({"Sport", "Baby/Children"})


def hnm_gender(index_group: str, section: str, department: str) -> str | None:
    """Index group, then section, then department; what names no side is Unisex; None if unseen.

    Children's sections and departments say the side as a word: "Young Girl", "Dress-up Boys".
    """
    if index_group not in HNM_SPLIT_INDEX_GROUPS:
        return HNM_INDEX_GENDER.get(index_group)
    if section in HNM_SECTION_GENDER:
        return HNM_SECTION_GENDER[section]
    for name in (section, department):
        words = set(name.lower().split())
        girls, boys = bool(words & {"girl", "girls"}), bool(words & {"boy", "boys"})
        if girls != boys:
            return "Girls" if girls else "Boys"
    return "Unisex"


HNM_SECTION_USAGE = {
    "Ladies H&M Sport": "Sports",
    "Men H&M Sport": "Sports",
    "Kids Sports": "Sports",
    "Womens Tailoring": "Formal",
    "Men Suits & Tailoring": "Formal",
    "Contemporary Smart": "Smart Casual",
}
HNM_GARMENT_GROUP_USAGE = {"Dressed": "Formal"}


def hnm_usage(section: str, garment_group: str) -> str:
    """H&M has no usage: section, then garment group (suits: "Dressed"), else Casual."""
    return HNM_SECTION_USAGE.get(section) or HNM_GARMENT_GROUP_USAGE.get(garment_group, "Casual")


FASHION_AGE_GENDER = {"Kids-Boys": "Boys", "Kids-Girls": "Girls", "Kids-Unisex": "Unisex"}


def fashion_gender(gender: str, age_group: str) -> str | None:
    """``gender``, except that ``ageGroup`` knows children that it calls Men or Women."""
    return FASHION_AGE_GENDER.get(age_group) or (gender if gender in GENDERS else None)


def fashion_usage(usage: str) -> tuple[str | None, bool]:
    """(usage, whether the source said it). A missing one (``NA``, empty) is taken for Casual."""
    if usage in ("", "NA"):
        return "Casual", False
    return (usage, True) if usage in USAGES else (None, True)
