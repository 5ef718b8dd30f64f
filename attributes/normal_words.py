"""The controlled vocabulary: each value and the ways to say it.

Notation of :mod:`attributes.vocabulary`: alternatives of a regular expression, whole words in any
case, a space for a space or a hyphen.
"""

# Words between are bounded and hold no hyphen, which stands for a space: a text of nothing but
# hyphens would otherwise be tried in every way.
_GAP = r",?( \w{1,20}){0,3}"  # "short white raglan sleeves"
_TO_GARMENT = r",? (\w{1,20},? ){0,4}"  # "short, straight cut dress"

_MIXED = (
    "(cotton|silk|wool|polyester|poly|viscose|linen|synthetic|chiffon|rayon|satin|modal|lyocell)"
)
_KNITTED = r" (\w{1,20} ){0,3}(jumper|sweater)"  # whose polo neck is a roll neck in British English
STRAPS = (
    "((spaghetti|shoulder|thin|narrow|slim|noodle|adjustable)( shoulder)? straps?|strappy|"
    "racer ?back)"
)

NORMAL = {
    "fit": {
        "slim": rf"""
slim fit(ted|ting)?|fit(ting)?:? slim|slim cut|close fitting|
fitted(?={_TO_GARMENT}(top|tee|shirt|blouse|dress|jacket|blazer|cardigan|jumper))
""",
        "skinny": """
(super )?skinny( fit(ted|ting)?)?|tight fit(ted|ting)?|fit(ting)?:? (super )?(skinny|tight)
""",
        "regular": """
(regular|comfort|comfortable|classic|standard|straight) fit(ted|ting)?|
fit(ting)?:? (regular|comfort|classic|standard|straight|normal)(?! (rise|waist|leg))|
regular cut|classic cut|straight cut(?! (hem|at))
""",
        "loose": """
(loose|relaxed) (fit(ted|ting)?|style)|fit(ting)?:? (loose|relaxed)|oversized|boxy|
loose(ly)? fitted|wide cut
""",
        "tapered": "tapered fit|fit(ting)?:? tapered",
    },
    "sleeve": {
        "short": rf"(short|half|cap|puff(ed)?){_GAP} sleeve[sd]?|short sleeved|half arms?",
        "long": rf"(long|full){_GAP} sleeve[sd]?|(full|long) arms?( sleeves)?",
        "three-quarter": r"""
(three quarter(th|s)?|3/4(th)?|three fourth)(,? \w{1,20}){0,3} sleeve[sd]?
""",
        "sleeveless": f"""
sleeveless|no sleeves|sleeve less|spaghetti|strapless|halter ?neck(line)?|{STRAPS}
""",
    },
    "neck": {
        "round": rf"(round|crew){_GAP} neck(line|ed|lines)?|jewel neck(line)?",
        "polo": rf"polo( (neck(line|ed)?|collar(ed)?))?(?!{_KNITTED})|johny collar",
        "v": r"v ?(shaped )?neck(line|ed)?|v shaped collar",
        "scoop": "(scoop(ed)?|u)( shaped)? neck(line|ed)?",
        "boat": "boat( shaped)? neck(line|ed)?",
        "square": "square(d)?( shaped)? neck(line|ed)?",
        "cowl": "cowl(ed)? neck(line|ed)?",
        "halter": "halter ?neck(line|ed)?|halter",
        "high": rf"""
(high|turtle|roll|funnel) ?neck(line|ed)?|turtle ?neck|high collar|polo neck(ed)?(?={_KNITTED})
""",
        "mock": "mock (neck|collar)",
        "mandarin": "(mandarin|chinese|nehru|band|stand( up)?|grandad)( neck)? collar",
        "keyhole": "key ?hole( neck(line)?)?",
        "tie-up": "tie up( detail)?s?( (at|on) the)? neck(line)?|tie up neck",
        "off-shoulder": "off( the)? shoulder",
        "one-shoulder": "one shoulder",
        "strapless": "strapless|tube top",
        "shoulder straps": f"{STRAPS}|spaghetti",
        "shirt collar": """
(spread|shirt|cutaway|button(ed)? down|turn down|classic|resort|tipped|pointed|regular|
peter pan|rounded) collar
""",
        "hooded": "hood(ed|ie)?",
    },
    "pattern": {
        "self design": "self design(ed)?|jacquard|self (stripes?|checks?)",
        "checked": "check(s|ed|ered)?|plaid|tartan|gingham|houndstooth|dogtooth",
        "striped": "stripe[sd]?|stripped|pin ?stripe[sd]?",
        "colourblocked": "colou?r ?block(ed|ing)?",
        "embellished": "embellish(ed|ments?)|sequin(s|ned)|beaded|rhinestones?",
        "printed": """
print(ed|s)?|graphics?|floral|typography|motifs?|polka( dots?)?|paisley|camouflage|leopard|
tie (and )?dyed?|patterned|dotted|dots|animal print|slogan
""",
        "solid": "solid|plain",
        "washed": "washed|faded",
    },
    "length": {
        "ankle": "ankle length|(above|till|to) (the )?ankles?",
        "knee": "knee length|(till|to|above|below|over) the knees?",
        "crop": "crop(ped)?( length)?",
        "three-quarter": "capris?|three fourth( length)?|3/4th(s)?( length)?|calf length",
        "mini": rf"mini(?={_TO_GARMENT}(dress|skirt|length))",
        "midi": "midi",
        "maxi": "maxi|(full|floor) length",
        "short": rf"""
short(?!{_GAP} (sleeve[sd]?\b|button|buttoned|zip|placket))
(?={_TO_GARMENT}(dress|skirt|jacket|coat|kurta|top|tights|shorts))
""",
        "long": "(long|longer)(?= (dress|skirt|jacket|coat|kurta|top|length))",
        "regular": "regular length",
    },
    "occasion": {
        "formal": "formals?|office|work ?wear|business",
        "party": "party|evening|cocktail|club(bing)?",
        "ethnic": "ethnic|festive|traditional|wedding",
        "sports": """
sports?( wear)?|sporty|gym|running|jogging|workout|training|football|cricket|tennis|basketball
""",
        "casual": "casuals?|every ?day|daily|weekend",
    },
    "care": {
        "machine wash": "machine (or hand )?wash(able|ed)?|machine/hand wash|mashine wash",
        "hand wash": "hand ?wash(able|ed)?",
        "dry clean": "dry ?clean(ed|able)?( only)?",
    },
    "fabric": {
        "blended": rf"""
blended( (fabric|cotton))?|{_MIXED}( \w{1, 20})? (blend|mix)|poly ?cotton|blend|
{_MIXED}( and |/){_MIXED}(?= (weave|jersey|blend|fabric))|containing (some )?{_MIXED}(?! content)
""",
        "synthetic leather": """
(synthetic|faux|artificial|imitation|pu|vegan|man made)( patent)? (leather|suede)|leatherette|
leatherite|rexine
""",
        "cotton": "cotton|denim|algodon",
        "polyester": "polyester|dri ?fit|microfibre polyester",
        "viscose": "viscose|rayon|modal|lyocell|tencel",
        "nylon": "nylon|polyamide",
        "linen": "linen",
        "silk": "silk",
        "wool": "wool(len)?|cashmere|merino",
        "bamboo": "bamboo",
        "microfibre": "micro ?fib(re|er)",
        "acrylic": "acrylic",
        "leather": "leather|nubuck",
        "suede": "suede",
        "canvas": "canvas",
        "mesh": "mesh",
        "synthetic": "synthetics?|pu|pvc|chiffon|georgette|polyurethane",
    },
}

FIBRES = {
    "cotton": "cotton|algodon",
    "polyester": "polyester|polyster|pes|pet",
    "viscose": "viscose|rayon",
    "elastane": "elast(a|ha|i|e)ne?|spandex|lycra|lyrca",
    "nylon": "nylon|polyamide",
    "acrylic": "acrylic",
    "linen": "linen",
    "silk": "silk",
    "wool": "wool|lambs ?wool|lana wool|merino( wool)?",
    "modal": "modal",
    "lyocell": "lyocell|tencel",
    "bamboo": "bamboo",
    "cashmere": "cashmere",
    "acetate": "acetate",
    "microfibre": "micro ?fib(re|er)",
    "polyurethane": "polyurethane|pu",
    "polyethylene": "polyethylene",
    "polypropylene": "polypropylene",
    "leather": "leather",
    "rubber": "rubber",
    "silicone": "silicone",
    "jute": "jute",
    "down": "down",
    "feathers": "feathers",
    "metallic fibre": "metallic fibre|lurex",
}
# The stuff that a garment of one fibre is made of, where it has another name.
FABRIC_OF = {
    "modal": "viscose",
    "lyocell": "viscose",
    "polyurethane": "synthetic",
    "polyethylene": "synthetic",
    "polypropylene": "synthetic",
    "cashmere": "wool",
}
PURE = 90  # percent of one fibre from which on the stuff goes by its name
COMPOSITION_SPAN, FAR = 90, 60  # characters

# What a title alone may say of the fit, and what legs say where nothing else does.
FIT_IN_TITLE = {
    "skinny": "skinny",
    "slim": "slim",
    "loose": "loose|relaxed|boyfriend",
    "tapered": "tapered",
    "regular": "regular",
}
FIT_OF_LEGS = {
    "skinny": "skinny legs?",
    "slim": "slim legs?",
    "regular": "straight(,? (cut|wide))? legs?",
    "loose": "wide legs?",
    "tapered": rf"tapered{_GAP} legs?",
}
# They have straps, but neither sleeves nor a neckline made of them.
STRAPPED = """
bras?|bralettes?|bikinis?( (top|bottoms?|briefs?))?|swimsuits?|handbags?|bags?|shoppers?|backpacks?|
rucksacks?|clutch(es)?|wallets?|purses?|totes?|sandals?|shoes?|heels|flats|flip flops?|slippers?|
boots?|caps?|dungarees
"""

# Sections of a listing begin so, often without an end to the sentence before.
SECTION = (
    r"(?-i:(Product D|Material and|Size and|Fit\b|Fitting|Wash|Machine|Hand|Dry|Care|Composition|"
    r"Upper|Outsole|Regular|Slim|Model|The model|\d{2,3} ?%))"
)
_TREATMENT = (
    "(dry clean(ing)?|(machine|hand) wash(ing)?|tumble dry|use bleach|bleach(ing)?|iron|wring|"
    "soak|scrub|brush|twist)"
)
NOT_CARE = (
    rf"(do not|don'?t|never|no|not|avoid) {_TREATMENT}"
    rf"(( ?[,/] ?((and|or) )?| (and|or) ){_TREATMENT})*"
)
# Mentions that do not speak of the garment's own stuff or looks.
NOT_OF_IT = """
((do not|don'?t|dont) )?(iron|press|direct(ly)?)[^.;:]{0,25} on ?(the )?
(print|motif|design|logo|embroider)(?-i:[^.;A-Z]{0,40})|
print/[\\w/]+|\\w{1,20}( \\w{1,20})? (lining|innersole|insole)( made of( \\d+ ?%)? \\w{1,20})?|
lining (made of|in) (\\d+ ?% )?\\w{1,20}|
filling [^.;]*|embroidered motifs?|
mesh (panel|section|insert|pocket|back|detail|lining|racer|overlay)s?|
(jacquard|patterned)( knit| patterned| metal| rubber)? (detail|buckle|sole|outsole)s?
"""
# "Pair this shirt | with ripped jeans": what comes after the bar.
TOGETHER_WITH = (
    r"(?P<own>\b(team|pair|wear|worn|match|style|combine|layer|club|accessori[sz]e)(d|ed|bed|ing)?\b"
    r"( (it|this|these|them|those|that|the|your|him|her|his|one)\b[^.;:!?]{0,40}?)?( up| well)? )"
    rf"with\b[^.!?]*?(?={SECTION}|[.!?]|$)|"
    rf"\bmodel\b[^.]{{0,12}}\bwears?\b[^.]*|model('s)? statistics.*"
)

PAIRS = frozenset(
    """
trousers pants chinos joggers jeans jeggings treggings leggings tights stockings socks shorts
bermudas culottes dungarees sweatpants overalls knickers boxers hipsters mittens suspenders
heels pumps flats clogs mules sunglasses grips elastics ballerinas
""".split()
)
PLURALS = {
    "dresses": "dress",
    "nightdresses": "nightdress",
    "bodies": "body",
    "scarves": "scarf",
    "clutches": "clutch",
}
