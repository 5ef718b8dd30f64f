"""The vocabulary of fashion: words to find in a listing, normal values and their synonyms.

Each text lists alternatives of a regular expression, separated by ``|``, with one addition: a
space stands for a space or a hyphen (``long sleeved`` also finds ``Long-sleeved``); line breaks
mean nothing. Matched as whole words in any case. British and American spelling, and the words of
both catalogues (H&M's English, Myntra's Indian English).
"""

from configparser import RawConfigParser

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

# Sections of values and their synonyms; values alone are their only synonyms.
_SECTIONS = rf"""
# Words as they stand in a text; a grade stands before a fibre or fabric and belongs to it.
[words]
fibre: cotton|polyester|viscose|rayon|modal|lyocell|tencel|linen|silk|wool|cashmere|mohair|alpaca|
  angora|merino|acrylic|nylon|polyamide|elastane|elasthan|spandex|lycra|polyurethane|polypropylene|
  polyethylene|bamboo|jute|hemp|ramie|cupro|acetate|metallic fibre|(duck|goose) down|feathers?
fabric: leatherette|leatherite|leather|suede|nubuck|pu|pvc|tpu|tpr|eva|rubber|synthetic|canvas|
  denim|mesh|microfib(re|er)|microfleece|jersey|twill|corduroy|fleece|velvet|velour|satin|chiffon|
  tulle|georgette|cr[eê]pe|voile|poplin|flannel|chambray|seersucker|taffeta|organza|brocade|tweed|
  terry|(sweatshirt|woven|functional|blended|airy|textured|patterned|stretch|crinkled) (fabric|
  weave)|broderie anglaise|lace(?! up)|knit|pile|faux fur|shearling|neoprene|polycarbonate|plastic|
  metal|stainless steel|straw|felt
grade: pure|organic|recycled|faux|imitation|artificial|genuine|premium|combed|brushed|ribbed|rib|
  cable|fine|stretch|blended|poly|man made|synthetic|micro|patent|washed|stainless
care: ((gentle|delicate|normal|cold|warm|preferably) )*(machine|hand) wash(able)?( (separately|
  gentle|cold|warm|hot))*( (in|at|with) (cold|warm|cool|lukewarm) water)?|(do not|don'?t|
  never) (machine wash|hand wash|dry ?clean|tumble dry|bleach|iron|wring|soak|scrub|brush|twist|
  wash)((, | or | and |, or )(dry ?clean|tumble dry|bleach|iron|wring|soak|scrub|twist))*|
  dry ?clean(able)?( only)?|wash (dark colou?rs |and dry )?(separately|inside out|cold|warm|
  in cold water|with (like|similar) colou?rs|(at|in|below) \d+ degrees)|(below|at|in|
  under) \d+ ?(degrees|° ?c?)|with (like|similar) colou?rs|(mild|gentle|soft) (detergent|soap)|
  (tumble|line|drip|hang|flat|air) dry( (low|flat|on low|in (the )?shade|inside out))*|dry (flat|
  (under|in) (the )?(shade|sun))|(low|medium|moderate|cool|warm|hot|steam|light) (to (hot|warm|
  medium) )?iron|wipe[^.;:]{{0,40}}? cloth|(clean|soft|dry|damp)(,? (clean|dry|damp|soft))* cloth|
  (leather|shoe) (cleaner|polish|shampoo)
item: t ?shirts?|tees?|polo shirts?|shirts?|blouses?|tunics?|kaftans?|kurtas?|kurtis?|camisoles?|
  tank tops?|tops?|vests?|jumpers?|sweaters?|pullovers?|cardigans?|sweatshirts?|sweatpants?|
  boleros?|hoodies?|hoody|ponchos?|jackets?|coats?|blazers?|waistcoats?|parkas?|anoraks?|trousers?|
  pants|chinos|joggers|jeans|jeggings|treggings|leggings|tights|stockings|socks|capris?|shorts|
  bermudas?|skirts?|skorts?|culottes|dungarees|dress(es)?|gowns?|jumpsuits?|playsuits?|rompers?|
  overalls?|sarees?|saris?|dupattas?|churidars?|patialas?|salwars?|lehengas?|sarongs?|bras?|
  bralettes?|briefs?|boxers?|trunks?|thongs?|hipsters?|knickers|body|bodies|bodysuits?|
  bikinis?( (top|bottoms?|briefs?))?|swimsuits?|pyjamas?|nightdress(es)?|nightgowns?|night suits?|
  robes?|bathrobes?|shoes?|sneakers?|trainers?|boots?|booties?|sandals?|flip flops?|slippers?|
  sliders?|heels|pumps|ballerinas?|flats|loafers?|moccasins?|clogs|mules|espadrilles|handbags?|
  bags?|shoppers?|backpacks?|rucksacks?|clutch(es)?|wallets?|purses?|totes?|belts?|ties|tie|
  bow ties?|scar(f|ves)|stoles?|mufflers?|shawls?|gloves?|mittens|caps?|hats?|beanies?|berets?|
  headbands?|alice ?bands?|hairbands?|hair (clips?|elastics|grips|claws?)|scrunchies?|sunglasses|
  umbrellas?|cufflinks?|suspenders|tracksuits?|track pants|wristbands?|suits?|sets?
detail: ((patch|side|chest|back|front|open|flap|insert|slip|zipped|kangaroo|welt|in seam|fake|
  concealed|two|five|four|single) )*pockets?|((concealed|metal|front) )?zip(ped|per|pered)?( (fly|
  closure|fastening))?|buttons? (down the front|placket|closure)|buttoned (placket|cuffs|closure|
  front)|(lined )?hood|drawstring( (waist(band)?|hem))?|elasticated (waist(band)?|cuffs|hem|seam)|
  (detachable )?tie belt|belt loops|(adjustable|detachable|removable) (shoulder )?(straps?|belt|
  hood)|smocking|pleats?|pleated|ruffles?|frill(ed|s)?|flounces?|gathers|gathered|embroidery|
  appliqu[eé]d?|beads?|sequins?|studs?|fringes?|lace ups?|lacing|lace trims?|(fully )?lined|unlined|
  ribbing|ribbed (cuffs|hem|waistband)|curved hem(line)?|vented hem|slits?|dropped shoulders|yoke|
  underwired?|padded cups|velcro|magnetic (button )?closure|buckles?|cushioned \w+|(textured|rubber|
  tpu|eva|gum rubber) (out)?sole|graphic print|brand(ed)? (tab|logo)|logo
# One value of each kind: the first that the text names.
[style]
fit: (super )?(slim|regular|comfort|loose|skinny|relaxed|tight|tailored|muscle|body|tapered|
  standard|athletic|classic|snug|modern) (fit|fitted|fitting|cut)|fit(ting)? (slim|regular|comfort|
  loose|skinny|relaxed|tailored)|(straight|wide|boot|flared|tapered|slim) (cut|legs?|legged)|
  bootcut|oversized|fitted|boxy|a line
sleeve: (extra )?(long|short|half|full|three quarter|3/4(th)?|cap|puff(ed)?|raglan|roll(ed)? up|
  batwing|dolman|kimono|bell|balloon|flutter|trumpet) sleeve[sd]?|sleeveless|((narrow|wide|
  adjustable|spaghetti) )?shoulder straps|strapless
neck: (round|crew|v|deep v|scoop(ed)?|boat|polo|square|cowl|halter|turtle|mock|high|roll|keyhole|
  sweetheart|henley|tie up|mandarin|spread|button(ed)? down|cutaway|turn down|stand up|resort|
  grandad|shirt|peter pan|shawl|band|chinese|nehru) ?(neckline|neck(ed)?|collar(ed)?)|turtleneck|
  off the shoulder|one shoulder|hooded|notch(ed)? lapels?|collared
pattern: (graphic|floral|all over|allover|chest|animal|leopard|abstract|paisley|logo|
  printed) (print(ed|s)?|pattern(ed)?|motifs?)|pinstripe[ds]?|(polka )?dots?|dotted|striped|
  stripes?|check(s|ed|ered)?|plaid|tartan|gingham|floral|solid|self design|colou?r ?block(ed)?|
  embroidered|embellished|printed|patterned|print motif|melange|houndstooth|camouflage|
  tie( and)? dyed?|quilted|ribbed|textured|washed|distressed
length: (knee|calf|ankle|hip|floor|thigh|full|mid calf|three fourth|mid thigh) length|cropped|capri|
  mini|midi|maxi|(short|long)(?= (dress|skirt|jacket|coat|shorts|kurta|top))|high ?top|mid ?top|
  low ?top
rise: (high|low|mid|regular) (waist|waisted|rise)
heel: (block|wedge|stiletto|kitten|chunky|cone|platform|high|flat) heel(ed|s)?|wedges?|(open|peep|
  pointed|round|square|almond) toe[sd]?
occasion: casual|formal|party|sports?|everyday|ethnic|festive|lounge|beach|office|workwear
# Attribute by attribute: normal values.
[fabric]
blended: blended( (fabric|cotton))?|{_MIXED} (blend|mix)|poly ?cotton|blend|{_MIXED}( and |
  /){_MIXED}(?= (weave|jersey|blend|fabric))|containing (some )?{_MIXED}(?! content)
synthetic leather: (synthetic|faux|artificial|imitation|pu|vegan|man made)( patent)? (leather|
  suede)|leatherette|leatherite|rexine
cotton: cotton|denim|algodon
polyester: polyester|dri ?fit|microfibre polyester
viscose: viscose|rayon|modal|lyocell|tencel
nylon: nylon|polyamide
wool: wool(len)?|cashmere|merino
microfibre: micro ?fib(re|er)
leather: leather|nubuck
synthetic: synthetics?|pu|pvc|chiffon|georgette|polyurethane
linen, silk, bamboo, acrylic, suede, canvas, mesh
[care]
machine wash: machine (or hand )?wash(able|ed)?|machine/hand wash|mashine wash
hand wash: hand ?wash(able|ed)?
dry clean: dry ?clean(ed|able)?( only)?
[fit]
slim: slim fit(ted|ting)?|fit(ting)?:? slim|slim cut|close fitting|fitted(?={_TO_GARMENT}(top|tee|
  shirt|blouse|dress|jacket|blazer|cardigan|jumper))
skinny: (super )?skinny( fit(ted|ting)?)?|tight fit(ted|ting)?|fit(ting)?:? (super )?(skinny|tight)
regular: (regular|comfort|comfortable|classic|standard|straight) fit(ted|ting)?|
  fit(ting)?:? (regular|comfort|classic|standard|straight|normal)(?! (rise|waist|leg))|regular cut|
  classic cut|straight cut(?! (hem|at))
loose: (loose|relaxed) (fit(ted|ting)?|style)|fit(ting)?:? (loose|relaxed)|oversized|boxy|
  loose(ly)? fitted|wide cut
tapered: tapered fit|fit(ting)?:? tapered
[pattern]
self design: self design(ed)?|jacquard|self (stripes?|checks?)
checked: check(s|ed|ered)?|plaid|tartan|gingham|houndstooth|dogtooth
striped: stripe[sd]?|stripped|pin ?stripe[sd]?
colourblocked: colou?r ?block(ed|ing)?
embellished: embellish(ed|ments?)|sequin(s|ned)|beaded|rhinestones?
printed: print(ed|s)?|graphics?|floral|typography|motifs?|polka( dots?)?|paisley|camouflage|leopard|
  tie (and )?dyed?|patterned|dotted|dots|animal print|slogan
solid: solid|plain
washed: washed|faded
[sleeve]
short: (short|half|cap|puff(ed)?){_GAP} sleeve[sd]?|short sleeved|half arms?
long: (long|full){_GAP} sleeve[sd]?|(full|long) arms?( sleeves)?
three-quarter: (three quarter(th|s)?|3/4(th)?|three fourth)(,? \w{{1,20}}){{0,3}} sleeve[sd]?
sleeveless: sleeveless|no sleeves|sleeve less|spaghetti|strapless|halter ?neck(line)?|{STRAPS}
[neck]
round: (round|crew){_GAP} neck(line|ed|lines)?|jewel neck(line)?
polo: polo( (neck(line|ed)?|collar(ed)?))?(?!{_KNITTED})|johny collar
v: v ?(shaped )?neck(line|ed)?|v shaped collar
scoop: (scoop(ed)?|u)( shaped)? neck(line|ed)?
boat: boat( shaped)? neck(line|ed)?
square: square(d)?( shaped)? neck(line|ed)?
cowl: cowl(ed)? neck(line|ed)?
halter: halter ?neck(line|ed)?|halter
high: (high|turtle|roll|funnel) ?neck(line|ed)?|turtle ?neck|high collar|
  polo neck(ed)?(?={_KNITTED})
mock: mock (neck|collar)
mandarin: (mandarin|chinese|nehru|band|stand( up)?|grandad)( neck)? collar
keyhole: key ?hole( neck(line)?)?
tie-up: tie up( detail)?s?( (at|on) the)? neck(line)?|tie up neck
off-shoulder: off( the)? shoulder
one-shoulder: one shoulder
strapless: strapless|tube top
shoulder straps: {STRAPS}|spaghetti
shirt collar: (spread|shirt|cutaway|button(ed)? down|turn down|classic|resort|tipped|pointed|
  regular|peter pan|rounded) collar
hooded: hood(ed|ie)?
[length]
ankle: ankle length|(above|till|to) (the )?ankles?
knee: knee length|(till|to|above|below|over) the knees?
crop: crop(ped)?( length)?
three-quarter: capris?|three fourth( length)?|3/4th(s)?( length)?|calf length
mini: mini(?={_TO_GARMENT}(dress|skirt|length))
midi
maxi: maxi|(full|floor) length
short: short(?!{_GAP} (sleeve[sd]?\b|button|buttoned|zip|placket))(?={_TO_GARMENT}(dress|skirt|
  jacket|coat|kurta|top|tights|shorts))
long: (long|longer)(?= (dress|skirt|jacket|coat|kurta|top|length))
regular: regular length
[occasion]
formal: formals?|office|work ?wear|business
party: party|evening|cocktail|club(bing)?
ethnic: ethnic|festive|traditional|wedding
sports: sports?( wear)?|sporty|gym|running|jogging|workout|training|football|cricket|tennis|
  basketball
casual: casuals?|every ?day|daily|weekend
# Words for the fit that count in a title only.
[fit in a title]
skinny, slim, tapered, regular
loose: loose|relaxed|boyfriend
# Shapes of legs, which count where no other word says the fit.
[fit of legs]
skinny: skinny legs?
slim: slim legs?
regular: straight(,? (cut|wide))? legs?
loose: wide legs?
tapered: tapered{_GAP} legs?
# Fibres of a composition.
[fibres]
cotton: cotton|algodon
polyester: polyester|polyster|pes|pet
viscose: viscose|rayon
elastane: elast(a|ha|i|e)ne?|spandex|lycra|lyrca
nylon: nylon|polyamide
wool: wool|lambs ?wool|lana wool|merino( wool)?
lyocell: lyocell|tencel
microfibre: micro ?fib(re|er)
polyurethane: polyurethane|pu
metallic fibre: metallic fibre|lurex
acrylic, linen, silk, modal, bamboo, cashmere, acetate, polyethylene, polypropylene, leather
rubber, silicone, jute, down, feathers
# What the fabric of one fibre is called, where it is not called by the fibre.
[fabric of fibre]
modal, lyocell: viscose
polyurethane, polyethylene, polypropylene: synthetic
cashmere: wool
"""


def _parse(sections: str) -> dict[str, dict[str, str]]:
    parser = RawConfigParser(delimiters=":", allow_no_value=True)
    parser.read_string(sections)
    return {
        name: {
            value: (synonyms or value).replace("\n", "")
            for values, synonyms in parser[name].items()
            for value in values.split(", ")
        }
        for name in parser.sections()
    }


NORMAL_VALUES = _parse(_SECTIONS)  # attribute -> value -> its synonyms
WORDS, STYLE_WORDS = NORMAL_VALUES.pop("words"), NORMAL_VALUES.pop("style")
FIT_IN_TITLE, FIT_OF_LEGS = NORMAL_VALUES.pop("fit in a title"), NORMAL_VALUES.pop("fit of legs")
FIBRES, FABRIC_OF = NORMAL_VALUES.pop("fibres"), NORMAL_VALUES.pop("fabric of fibre")
TRADE_WORDS = tuple(WORDS.values())

# Items whose straps are neither sleeves nor a neckline.
STRAPPED = """
bras?|bralettes?|bikinis?( (top|bottoms?|briefs?))?|swimsuits?|handbags?|bags?|shoppers?|backpacks?|
rucksacks?|clutch(es)?|wallets?|purses?|totes?|sandals?|shoes?|heels|flats|flip flops?|slippers?|
boots?|caps?|dungarees
"""

# Beginnings of a listing's sections, often without an end to the sentence before.
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
# Mentions that do not describe the garment's fabric or pattern.
NOT_OF_IT = """
((do not|don'?t|dont) )?(iron|press|direct(ly)?)[^.;:]{0,25} on ?(the )?
(print|motif|design|logo|embroider)(?-i:[^.;A-Z]{0,40})|
print/[\\w/]+|\\w{1,20}( \\w{1,20})? (lining|innersole|insole)( made of( \\d+ ?%)? \\w{1,20})?|
lining (made of|in) (\\d+ ?% )?\\w{1,20}|
filling [^.;]*|embroidered motifs?|
mesh (panel|section|insert|pocket|back|detail|lining|racer|overlay)s?|
(jacquard|patterned)( knit| patterned| metal| rubber)? (detail|buckle|sole|outsole)s?
"""
# "Pair this shirt with ripped jeans": the group holds what names the garment itself.
TOGETHER_WITH = (
    r"(?P<garment>\b(team|pair|wear|worn|match|style|combine|layer|club|accessori[sz]e)(d|ed|bed|ing)?\b"
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
