"""The kinds of product in the sample catalogue, under the labels of the two real downloads."""

from dataclasses import dataclass

EVERYONE = "Women Men Boys Girls Unisex"
CLOTH = "solid solid striped checked dotted printed"
KNIT = "solid solid striped checked"


@dataclass(frozen=True)
class Kind:
    """One kind of product. Fields with several choices hold them apart with spaces or ``|``.

    `source_label` is product_type_name (HNM) or articleType (FASHION); `codes` is what stands
    beside it: number, group, garment group (HNM) or master and sub category, number (FASHION).
    """

    source_label: str
    codes: tuple
    category: str
    silhouette: str
    noun: str
    genders: str
    materials: str
    usages: str = "Casual"
    patterns: str = CLOTH
    sleeves: str = "none"


_UP, _LOW, _FULL = "Garment Upper body", "Garment Lower body", "Garment Full body"
_JERSEY, _KNIT, _COAT = (1002, "Jersey Basic"), (1003, "Knitwear"), (1007, "Outdoor")
_LINGERIE, _SWIM = (1017, "Under-, Nightwear"), (1018, "Swimwear")
_SHOES, _EXTRAS = (1020, "Shoes"), (1019, "Accessories")

_WOMEN_KIDS = "Women Women Girls"
_HIDES = "leather|faux leather"

HNM_KINDS = (
    Kind("T-shirt", (255, _UP, _JERSEY), "Tops", "tee", "T-shirt", EVERYONE,
         "cotton|viscose|linen|polyester", "Casual|Casual|Sports", sleeves="short long"),
    Kind("Vest top", (253, _UP, _JERSEY), "Tops", "top", "vest top", "Women Girls",
         "cotton|viscose|silk"),
    Kind("Shirt", (259, _UP, (1011, "Shirts")), "Shirts", "shirt", "shirt", "Women Men Boys",
         "cotton|linen|silk|polyester", "Casual|Formal|Smart Casual", sleeves="long long short"),
    Kind("Sweater", (252, _UP, _KNIT), "Knitwear", "sweater", "jumper", EVERYONE,
         "wool|cotton|cashmere|polyester", "Casual|Casual|Smart Casual", KNIT, "long"),
    Kind("Cardigan", (245, _UP, _KNIT), "Knitwear", "cardigan", "cardigan", "Women Girls Unisex",
         "wool|cotton|cashmere", patterns=KNIT, sleeves="long"),
    Kind("Jacket", (262, _UP, _COAT), "Outerwear", "jacket", "jacket", "Women Men Boys Girls",
         f"polyester|nylon|cotton|{_HIDES}", "Casual|Sports", "solid", "long"),
    Kind("Coat", (263, _UP, _COAT), "Outerwear", "coat", "coat", "Women Men",
         "wool|polyester|cashmere", patterns="solid solid checked", sleeves="long"),
    Kind("Blazer", (264, _UP, (1008, "Dressed")), "Outerwear", "blazer", "blazer", "Women Men",
         "wool|linen|polyester", "Formal", "solid solid checked striped", "long"),
    Kind("Trousers", (272, _LOW, (1009, "Trousers")), "Bottomwear", "trousers", "trousers",
         "Women Men", "wool|cotton|linen|polyester", "Casual|Formal|Smart Casual",
         "solid solid checked striped"),
    Kind("Trousers", (272, _LOW, (1016, "Trousers Denim")), "Bottomwear", "jeans", "jeans",
         "Women Men Boys Girls", "cotton", patterns="denim"),
    Kind("Trousers", (272, _LOW, _JERSEY), "Bottomwear", "joggers", "joggers", EVERYONE,
         "cotton|polyester", "Sports|Casual", "solid"),
    Kind("Shorts", (274, _LOW, (1025, "Shorts")), "Bottomwear", "shorts", "shorts", EVERYONE,
         "cotton|linen|nylon", "Casual|Sports", "solid striped checked"),
    Kind("Skirt", (275, _LOW, (1012, "Skirts")), "Bottomwear", "skirt", "skirt", "Women Girls",
         "cotton|viscose|wool|silk"),
    Kind("Dress", (265, _FULL, (1013, "Dresses Ladies")), "Dresses", "dress", "dress",
         _WOMEN_KIDS, "viscose|cotton|linen|silk|polyester", sleeves="none short long"),
    Kind("Bra", (306, "Underwear", _LINGERIE), "Innerwear", "bra", "bra", "Women",
         "nylon|cotton|silk", "Casual|Casual|Sports", "solid dotted"),
    Kind("Underwear bottom", (286, "Underwear", _LINGERIE), "Innerwear", "briefs", "briefs",
         "Women Men Boys Girls", "cotton|nylon|silk", patterns="solid solid dotted striped"),
    Kind("Swimsuit", (57, "Swimwear", _SWIM), "Swimwear", "swimsuit", "swimsuit", "Women Girls",
         "nylon|polyester", patterns="solid striped dotted printed"),
    Kind("Bikini top", (298, "Swimwear", _SWIM), "Swimwear", "bikini_top", "bikini top", "Women",
         "nylon|polyester", patterns="solid striped dotted printed"),
    Kind("Swimwear bottom", (59, "Swimwear", _SWIM), "Swimwear", "bikini_bottom",
         "bikini bottoms", "Women", "nylon|polyester", patterns="solid striped dotted printed"),
    Kind("Swimwear bottom", (59, "Swimwear", _SWIM), "Swimwear", "swimshorts", "swim shorts",
         "Men Boys", "nylon|polyester", patterns="solid striped printed"),
    Kind("Sneakers", (94, "Shoes", _SHOES), "Shoes", "sneaker", "trainers", EVERYONE,
         f"canvas|{_HIDES}", "Casual|Sports", "solid"),
    Kind("Boots", (87, "Shoes", _SHOES), "Shoes", "boot", "boots", "Women Men", _HIDES,
         patterns="solid"),
    Kind("Sandals", (91, "Shoes", _SHOES), "Shoes", "sandal", "sandals", _WOMEN_KIDS,
         _HIDES, patterns="solid"),
    Kind("Pumps", (90, "Shoes", _SHOES), "Shoes", "heel", "court shoes", "Women",
         _HIDES, patterns="solid"),
    Kind("Bag", (66, "Accessories", _EXTRAS), "Accessories", "handbag", "handbag", "Women",
         f"canvas|{_HIDES}", patterns="solid solid checked"),
    Kind("Bag", (66, "Accessories", _EXTRAS), "Accessories", "backpack", "backpack",
         "Boys Girls Men", "canvas|nylon", patterns="solid dotted printed"),
    Kind("Belt", (67, "Accessories", _EXTRAS), "Accessories", "belt", "belt", "Women Men",
         _HIDES, patterns="solid"),
    Kind("Cap/peaked", (69, "Accessories", _EXTRAS), "Accessories", "cap", "cap",
         "Men Boys Girls Unisex", "cotton|polyester|wool", patterns="solid solid checked"),
    Kind("Scarf", (80, "Accessories", _EXTRAS), "Accessories", "scarf", "scarf", "Women Men Unisex",
         "wool|cashmere|silk|viscose"),
)  # fmt: skip

_APPAREL, _FOOTWEAR, _OTHER = (9, "Apparel"), (10, "Footwear"), (1, "Accessories")
_TOP, _BOTTOM, _INNER = (31, "Topwear"), (29, "Bottomwear"), (136, "Innerwear")
_SHOE, _BAGS = (33, "Shoes"), (2, "Bags")

FASHION_KINDS = (
    Kind("Tshirts", (_APPAREL, _TOP, 90), "Tops", "tee", "T-shirt", EVERYONE,
         "cotton|viscose|polyester", "Casual|Casual|Sports", sleeves="short long"),
    Kind("Tops", (_APPAREL, _TOP, 89), "Tops", "top", "Top", "Women Women Girls",
         "cotton|viscose|silk", "Casual|Party", sleeves="none short"),
    Kind("Shirts", (_APPAREL, _TOP, 85), "Shirts", "shirt", "Shirt", "Men Men Women Boys",
         "cotton|linen|silk|polyester", "Casual|Formal|Smart Casual|Party",
         sleeves="long long short"),
    Kind("Sweaters", (_APPAREL, _TOP, 88), "Knitwear", "sweater", "Sweater",
         "Men Women Boys Girls", "wool|cotton|cashmere|polyester", "Casual|Casual|Smart Casual",
         KNIT, "long"),
    Kind("Sweatshirts", (_APPAREL, _TOP, 87), "Knitwear", "sweater", "Sweatshirt",
         "Men Women Unisex", "cotton|polyester", "Sports|Casual", "solid striped", "long"),
    Kind("Jackets", (_APPAREL, _TOP, 82), "Outerwear", "jacket", "Jacket",
         "Men Women Boys Girls", f"polyester|nylon|cotton|{_HIDES}", "Casual|Sports", "solid",
         "long"),
    Kind("Blazers", (_APPAREL, _TOP, 80), "Outerwear", "blazer", "Blazer", "Men Women",
         "wool|linen|polyester", "Formal|Smart Casual|Party", "solid solid checked", "long"),
    Kind("Trousers", (_APPAREL, _BOTTOM, 78), "Bottomwear", "trousers", "Trousers", "Men Women",
         "wool|cotton|linen|polyester", "Formal|Smart Casual|Casual", "solid solid checked"),
    Kind("Jeans", (_APPAREL, _BOTTOM, 70), "Bottomwear", "jeans", "Jeans",
         "Men Women Boys Girls", "cotton", patterns="denim"),
    Kind("Track Pants", (_APPAREL, _BOTTOM, 76), "Bottomwear", "joggers", "Track Pants",
         "Men Women Unisex", "cotton|polyester|nylon", "Sports", "solid"),
    Kind("Lounge Pants", (_APPAREL, (200, "Loungewear and Nightwear"), 175), "Bottomwear",
         "joggers", "Lounge Pants", "Men Women", "cotton|viscose|silk", "Home",
         "checked dotted printed"),
    Kind("Skirts", (_APPAREL, _BOTTOM, 74), "Bottomwear", "skirt", "Skirt", "Women Girls",
         "cotton|viscose|silk", "Casual|Party"),
    Kind("Dresses", (_APPAREL, (30, "Dress"), 79), "Dresses", "dress", "Dress", _WOMEN_KIDS,
         "viscose|cotton|linen|silk|polyester", "Casual|Party", sleeves="none short long"),
    Kind("Bra", (_APPAREL, _INNER, 153), "Innerwear", "bra", "Bra", "Women",
         "nylon|cotton|silk", patterns="solid dotted"),
    Kind("Briefs", (_APPAREL, _INNER, 137), "Innerwear", "briefs", "Briefs", "Men Women Boys",
         "cotton|nylon|silk", patterns="solid solid dotted striped"),
    Kind("Innerwear Vests", (_APPAREL, _INNER, 138), "Innerwear", "undervest", "Innerwear Vest",
         "Men Boys Girls", "cotton|wool", patterns="solid"),
    Kind("Swimwear", (_APPAREL, (250, "Apparel Set"), 75), "Swimwear", "swimsuit", "Swimsuit",
         "Women Girls", "nylon|polyester", "Sports|Casual", "solid striped dotted printed"),
    Kind("Swimwear", (_APPAREL, (250, "Apparel Set"), 75), "Swimwear", "swimshorts",
         "Swim Shorts", "Men Boys", "nylon|polyester", "Sports|Casual", "solid striped printed"),
    Kind("Kurtas", (_APPAREL, _TOP, 83), "Ethnic", "kurta", "Kurta", "Men Women Boys Girls",
         "cotton|silk|linen|viscose", "Ethnic", sleeves="long long short"),
    Kind("Kurtis", (_APPAREL, _TOP, 84), "Ethnic", "kurta", "Kurti", "Women",
         "cotton|silk|viscose", "Ethnic", sleeves="short long"),
    Kind("Sarees", (_APPAREL, (309, "Saree"), 563), "Ethnic", "saree", "Saree", "Women",
         "silk|cotton|viscose", "Ethnic"),
    Kind("Casual Shoes", (_FOOTWEAR, _SHOE, 93), "Shoes", "sneaker", "Casual Shoes",
         EVERYONE, f"canvas|{_HIDES}", "Casual|Smart Casual", "solid"),
    Kind("Sports Shoes", (_FOOTWEAR, _SHOE, 95), "Shoes", "sneaker", "Sports Shoes",
         "Men Women Unisex", "nylon|canvas|faux leather", "Sports", "solid"),
    Kind("Formal Shoes", (_FOOTWEAR, _SHOE, 94), "Shoes", "oxford", "Formal Shoes", "Men",
         _HIDES, "Formal", "solid"),
    Kind("Heels", (_FOOTWEAR, _SHOE, 279), "Shoes", "heel", "Heels", "Women", _HIDES,
         "Party|Casual", "solid"),
    Kind("Flip Flops", (_FOOTWEAR, (126, "Flip Flops"), 127), "Shoes", "flipflop", "Flip Flops",
         "Men Women Unisex", "rubber|faux leather", patterns="solid"),
    Kind("Handbags", (_OTHER, _BAGS, 46), "Accessories", "handbag", "Handbag", "Women",
         f"canvas|{_HIDES}", patterns="solid solid checked"),
    Kind("Backpacks", (_OTHER, _BAGS, 43), "Accessories", "backpack", "Backpack",
         "Unisex Boys Girls", "canvas|nylon", "Casual|Travel", "solid dotted printed"),
    Kind("Duffel Bag", (_OTHER, _BAGS, 120), "Accessories", "duffel", "Duffel Bag",
         "Unisex Men", "canvas|nylon|leather", "Travel", "solid striped"),
    Kind("Clutches", (_OTHER, _BAGS, 45), "Accessories", "clutch", "Clutch", "Women",
         f"silk|{_HIDES}", "Party", "solid"),
    Kind("Belts", (_OTHER, (13, "Belts"), 49), "Accessories", "belt", "Belt", "Men Women",
         _HIDES, "Formal|Casual", "solid"),
    Kind("Caps", (_OTHER, (18, "Headwear"), 54), "Accessories", "cap", "Cap",
         "Men Unisex Boys", "cotton|polyester", "Casual|Sports", "solid solid checked"),
)  # fmt: skip

KINDS = {"HNM": HNM_KINDS, "FASHION": FASHION_KINDS}
