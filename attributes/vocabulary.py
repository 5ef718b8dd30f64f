"""The trade's words for what a garment is, is made of, looks like and how it is washed.

Each constant lists alternatives, separated by ``|``, in the notation of regular expressions with
one addition: a space stands for a space or a hyphen (``long sleeved`` also finds
``Long-sleeved``); line breaks and the space around them mean nothing. British and American
spelling, and the words of both catalogues (H&M's English, Myntra's Indian English).
"""

FIBRE = """
cotton|polyester|viscose|rayon|modal|lyocell|tencel|linen|silk|wool|cashmere|mohair|alpaca|angora|
merino|acrylic|nylon|polyamide|elastane|elasthan|spandex|lycra|polyurethane|polypropylene|
polyethylene|bamboo|jute|hemp|ramie|cupro|acetate|metallic fibre|(duck|goose) down|feathers?
"""
FABRIC = """
leatherette|leatherite|leather|suede|nubuck|pu|pvc|tpu|tpr|eva|rubber|synthetic|canvas|denim|mesh|
microfib(re|er)|microfleece|jersey|twill|corduroy|fleece|velvet|velour|satin|chiffon|tulle|
georgette|cr[eê]pe|voile|poplin|flannel|chambray|seersucker|taffeta|organza|brocade|tweed|terry|
(sweatshirt|woven|functional|blended|airy|textured|patterned|stretch|crinkled) (fabric|weave)|
broderie anglaise|lace(?! up)|knit|pile|faux fur|shearling|neoprene|polycarbonate|plastic|metal|
stainless steel|straw|felt
"""
# What stands before a fibre or fabric and belongs to it.
GRADE = """
pure|organic|recycled|faux|imitation|artificial|genuine|premium|combed|brushed|ribbed|rib|cable|
fine|stretch|blended|poly|man made|synthetic|micro|patent|washed|stainless
"""

# One value of each kind: the first that the text names.
STYLE = {
    "fit": """
(super )?(slim|regular|comfort|loose|skinny|relaxed|tight|tailored|muscle|body|tapered|standard|
athletic|classic|snug|modern) (fit|fitted|fitting|cut)|
fit(ting)? (slim|regular|comfort|loose|skinny|relaxed|tailored)|
(straight|wide|boot|flared|tapered|slim) (cut|legs?|legged)|bootcut|oversized|fitted|boxy|a line
""",
    "sleeve": """
(extra )?(long|short|half|full|three quarter|3/4(th)?|cap|puff(ed)?|raglan|roll(ed)? up|batwing|
dolman|kimono|bell|balloon|flutter|trumpet) sleeve[sd]?|sleeveless|
((narrow|wide|adjustable|spaghetti) )?shoulder straps|strapless
""",
    "neck": """
(round|crew|v|deep v|scoop(ed)?|boat|polo|square|cowl|halter|turtle|mock|high|roll|keyhole|
sweetheart|henley|tie up|mandarin|spread|button(ed)? down|cutaway|turn down|stand up|resort|
grandad|shirt|peter pan|shawl|band|chinese|nehru) ?(neckline|neck(ed)?|collar(ed)?)|
turtleneck|off the shoulder|one shoulder|hooded|notch(ed)? lapels?|collared
""",
    "pattern": """
(graphic|floral|all over|allover|chest|animal|leopard|abstract|paisley|logo|printed)
 (print(ed|s)?|pattern(ed)?|motifs?)|pinstripe[ds]?|(polka )?dots?|dotted|striped|stripes?|
check(s|ed|ered)?|plaid|tartan|gingham|floral|solid|self design|colou?r ?block(ed)?|embroidered|
embellished|printed|patterned|print motif|melange|houndstooth|camouflage|tie( and)? dyed?|quilted|
ribbed|textured|washed|distressed
""",
    "length": """
(knee|calf|ankle|hip|floor|thigh|full|mid calf|three fourth|mid thigh) length|cropped|capri|mini|
midi|maxi|(short|long)(?= (dress|skirt|jacket|coat|shorts|kurta|top))|high ?top|mid ?top|low ?top
""",
    "rise": "(high|low|mid|regular) (waist|waisted|rise)",
    "heel": """
(block|wedge|stiletto|kitten|chunky|cone|platform|high|flat) heel(ed|s)?|wedges?|
(open|peep|pointed|round|square|almond) toe[sd]?
""",
    "occasion": "casual|formal|party|sports?|everyday|ethnic|festive|lounge|beach|office|workwear",
}

CARE = """
((gentle|delicate|normal|cold|warm|preferably) )*(machine|hand) wash(able)?
( (separately|gentle|cold|warm|hot))*( (in|at|with) (cold|warm|cool|lukewarm) water)?|
(do not|don'?t|never) (machine wash|hand wash|dry ?clean|tumble dry|bleach|iron|wring|soak|scrub|
brush|twist|wash)((, | or | and |, or )(dry ?clean|tumble dry|bleach|iron|wring|soak|scrub|twist))*|
dry ?clean(able)?( only)?|
wash (dark colou?rs |and dry )?(separately|inside out|cold|warm|in cold water|
with (like|similar) colou?rs|(at|in|below) \\d+ degrees)|
(below|at|in|under) \\d+ ?(degrees|° ?c?)|with (like|similar) colou?rs|
(mild|gentle|soft) (detergent|soap)|
(tumble|line|drip|hang|flat|air) dry( (low|flat|on low|in (the )?shade|inside out))*|
dry (flat|(under|in) (the )?(shade|sun))|
(low|medium|moderate|cool|warm|hot|steam|light) (to (hot|warm|medium) )?iron|
wipe[^.;:]{0,40}? cloth|(clean|soft|dry|damp)(,? (clean|dry|damp|soft))* cloth|
(leather|shoe) (cleaner|polish|shampoo)
"""

ITEM = """
t ?shirts?|tees?|polo shirts?|shirts?|blouses?|tunics?|kaftans?|kurtas?|kurtis?|camisoles?|
tank tops?|tops?|vests?|jumpers?|sweaters?|pullovers?|cardigans?|sweatshirts?|sweatpants?|
boleros?|hoodies?|hoody|
ponchos?|jackets?|coats?|blazers?|waistcoats?|parkas?|anoraks?|trousers?|pants|chinos|joggers|
jeans|jeggings|treggings|leggings|tights|stockings|socks|capris?|shorts|bermudas?|skirts?|skorts?|
culottes|dungarees|dress(es)?|gowns?|jumpsuits?|playsuits?|rompers?|overalls?|sarees?|saris?|
dupattas?|churidars?|patialas?|salwars?|lehengas?|sarongs?|bras?|bralettes?|briefs?|boxers?|
trunks?|thongs?|hipsters?|knickers|body|bodies|bodysuits?|bikinis?( (top|bottoms?|briefs?))?|
swimsuits?|pyjamas?|nightdress(es)?|nightgowns?|night suits?|robes?|bathrobes?|shoes?|sneakers?|
trainers?|boots?|booties?|sandals?|flip flops?|slippers?|sliders?|heels|pumps|ballerinas?|flats|
loafers?|moccasins?|clogs|mules|espadrilles|handbags?|bags?|shoppers?|backpacks?|rucksacks?|
clutch(es)?|wallets?|purses?|totes?|belts?|ties|tie|bow ties?|scar(f|ves)|stoles?|mufflers?|
shawls?|gloves?|mittens|caps?|hats?|beanies?|berets?|headbands?|alice ?bands?|hairbands?|
hair (clips?|elastics|grips|claws?)|scrunchies?|sunglasses|umbrellas?|cufflinks?|suspenders|
tracksuits?|track pants|wristbands?|suits?|sets?
"""

DETAIL = """
((patch|side|chest|back|front|open|flap|insert|slip|zipped|kangaroo|welt|in seam|fake|concealed|
two|five|four|single) )*pockets?|
((concealed|metal|front) )?zip(ped|per|pered)?( (fly|closure|fastening))?|
buttons? (down the front|placket|closure)|buttoned (placket|cuffs|closure|front)|(lined )?hood|
drawstring( (waist(band)?|hem))?|elasticated (waist(band)?|cuffs|hem|seam)|(detachable )?tie belt|
belt loops|(adjustable|detachable|removable) (shoulder )?(straps?|belt|hood)|smocking|pleats?|
pleated|ruffles?|frill(ed|s)?|flounces?|gathers|gathered|embroidery|appliqu[eé]d?|beads?|sequins?|
studs?|fringes?|lace ups?|lacing|lace trims?|(fully )?lined|unlined|ribbing|
ribbed (cuffs|hem|waistband)|curved hem(line)?|vented hem|slits?|dropped shoulders|yoke|
underwired?|padded cups|velcro|magnetic (button )?closure|buckles?|cushioned \\w+|
(textured|rubber|tpu|eva|gum rubber) (out)?sole|graphic print|brand(ed)? (tab|logo)|logo
"""

# What a seller may say of any garment, whatever the training texts say.
TRADE_WORDS = (FIBRE, FABRIC, GRADE, CARE, ITEM, DETAIL)
