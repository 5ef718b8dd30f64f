"""The controlled vocabulary: each value and the ways to say it.

Notation of :mod:`common.vocabulary`: alternatives of a regular expression, whole words in any
case, a space for a space or a hyphen.
"""

_GAP = r"( [\w-]+){0,2}"  # "short white raglan sleeves"

NORMAL = {
    "fit": {
        "slim": "slim fit(ted|ting)?|fit(ting)?:? slim|slim cut",
        "skinny": """
(super )?skinny( fit(ted|ting)?)?|tight fit(ted|ting)?|fit(ting)?:? (super )?(skinny|tight)
""",
        "regular": """
(regular|comfort|comfortable|classic|standard|straight) fit(ted|ting)?|
fit(ting)?:? (regular|comfort|classic|standard|straight|normal)|regular cut|classic cut
""",
        "loose": """
(loose|relaxed) fit(ted|ting)?|fit(ting)?:? (loose|relaxed)|oversized|boxy|
loose(ly)? fitted|wide cut
""",
        "tapered": "tapered fit|fit(ting)?:? tapered",
    },
    "sleeve": {
        "short": rf"(short|half|cap|puff(ed)?){_GAP} sleeve[sd]?|short sleeved|half arms?",
        "long": rf"(long|full){_GAP} sleeve[sd]?|(full|long) arms?( sleeves)?",
        "three-quarter": rf"(three quarter(th|s)?|3/4(th)?|three fourth){_GAP} sleeve[sd]?",
        "sleeveless": """
sleeveless|no sleeves|sleeve less|spaghetti|(shoulder|thin|narrow|adjustable) straps|strapless|
racer ?back|strappy|halter ?neck(line)?
""",
    },
    "neck": {
        "round": rf"(round|crew){_GAP} neck(line|ed|lines)?|jewel neck(line)?",
        "polo": "polo( (neck(line|ed)?|collar(ed)?))?|johny collar",
        "v": r"v ?(shaped )?neck(line|ed)?|v shaped collar",
        "scoop": "(scoop(ed)?|u)( shaped)? neck(line|ed)?",
        "boat": "boat( shaped)? neck(line|ed)?",
        "square": "square(d)?( shaped)? neck(line|ed)?",
        "cowl": "cowl(ed)? neck(line|ed)?",
        "halter": "halter ?neck(line|ed)?|halter",
        "high": "(high|turtle|roll|funnel) ?neck(line|ed)?|turtle ?neck",
        "mock": "mock (neck|collar)",
        "mandarin": "(mandarin|chinese|nehru|band|stand( up)?|grandad)( neck)? collar",
        "keyhole": "key ?hole( neck(line)?)?",
        "tie-up": "tie up( detail)?s?( (at|on) the)? neck(line)?|tie up neck",
        "off-shoulder": "off( the)? shoulder",
        "one-shoulder": "one shoulder",
        "strapless": "strapless|tube top",
        "shoulder straps": """
(spaghetti|shoulder|thin|narrow|slim|noodle)( shoulder)? straps?|spaghetti
""",
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
        "ankle": "ankle( length)?",
        "knee": "knee length|(till|to|above|below|over) the knees?",
        "crop": "crop(ped)?( length)?",
        "three-quarter": "capris?|three fourth( length)?|3/4th(s)?( length)?|calf length",
        "mini": "mini",
        "midi": "midi",
        "maxi": "maxi|(full|floor) length",
        "short": "short(?= (dress|skirt|jacket|coat|kurta|top))",
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
        "blended": """
blended( (fabric|cotton))?|(cotton|silk|wool|polyester|poly|viscose|linen|synthetic|chiffon|
rayon|satin)( [\\w-]+)? (blend|mix)|poly ?cotton|blend
""",
        "synthetic leather": """
(synthetic|faux|artificial|imitation|pu|vegan|man made)( patent)? (leather|suede)|leatherette|
leatherite|rexine
""",
        "cotton": "cotton|denim|algodon",
        "polyester": "polyester|dri ?fit|microfibre polyester",
        "viscose": "viscose|rayon|modal",
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
        "synthetic": "synthetics?|pu|pvc|chiffon|georgette|satin|polyurethane|fleece",
    },
}

FIBRES = {
    "cotton": "cotton|algodon",
    "polyester": "polyester",
    "viscose": "viscose|rayon",
    "elastane": "elastane|elasthan|spandex|lycra",
    "nylon": "nylon|polyamide",
    "acrylic": "acrylic",
    "linen": "linen",
    "silk": "silk",
    "wool": "wool",
    "modal": "modal",
    "lyocell": "lyocell|tencel",
    "bamboo": "bamboo",
    "cashmere": "cashmere",
    "polyurethane": "polyurethane",
    "leather": "leather",
    "jute": "jute",
    "metallic fibre": "metallic fibre|lurex",
}
# The stuff that a garment of one fibre is made of, where it has another name.
FABRIC_OF = {
    "modal": "viscose",
    "lyocell": "viscose",
    "polyurethane": "synthetic",
    "cashmere": "wool",
}
PURE = 90  # percent of one fibre from which on the stuff goes by its name
COMPOSITION_SPAN, FAR = 90, 60  # characters

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
(print|motif|design|logo|embroider)[^.;]{0,40}|
print/[\\w/]+|[\\w-]+( [\\w-]+)? (lining|innersole|insole)( made of( \\d+ ?%)? [\\w-]+)?|
lining (made of|in) (\\d+ ?% )?[\\w-]+
"""
TOGETHER_WITH = (
    r"\b(team|pair|wear|match|style|combine|layer|club)(ed|ing)?\b[^.;]{0,30}\bwith\b[^.]*|"
    r"\bmodel\b[^.]{0,12}\bwears?\b[^.]*|model('s)? statistics.*"
)
