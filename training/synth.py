"""Invented encyclopedia entries and everyday notes with questions and answers.

    python synth.py OUT.jsonl [--n 30000] [--seed 1] [--chronicles 0.5]

Everything is made up (names from syllables, numbers at random), so the reader
cannot answer from memory and has to look at the passage. Same record layout as
prepare_data.py. Each subject kind lists facts; a fact has sentence patterns and
question patterns. {n} is the subject, {v} the value, {it} a pronoun or the name.
"""
import argparse
import json
import random

R = random.Random()
ON = "b br c ch cl d dr f fl g gr h j k kl l m n p pr r s sh sl st t th tr v w y z".split()
NU = "a e i o u ae ai au ea ei ia io oa".split()
CO = "b ck d ff g l ld ll m n nd ng nn p r rd rk rn s ss st t th v x".split()


START = "Ash Black Stone Wood Hill Lake North South West East Red White Green Oak Elm Thorn Marsh Mill Fox Hart Wolf Swan Crow Brook Cold Long New Old Broad Clay Sand Salt Iron Gold Silver Wind Rain Snow Star Moon Bright Brad Hum Lang Rich Har Wal Ber Ed Sher Kings Queens Bishops".split()
END = "ford ton field wood bridge ham ley by well stead worth burn hurst dale mouth bury land man son er mann berg stein gate pool more".split()


PLAIN = 0.0  # share of names of two words, which take few word pieces; above 0 where there are chronicles


def name(k=None):
    if k is None and PLAIN and R.random() < PLAIN:
        return R.choice(START) + R.choice(END)
    k = k or R.choice([1, 2, 2, 2, 3])
    s = "".join(R.choice(ON) + R.choice(NU) for _ in range(k - 1))
    return (s + R.choice(ON) + R.choice(NU[:5]) + R.choice(CO)).capitalize()


def some(xs, lo, hi):
    xs = R.sample(xs, R.randint(lo, hi))
    return xs[0] if len(xs) == 1 else ", ".join(xs[:-1]) + " and " + xs[-1]


FIRST = "Ada Albert Amara Anna Arthur Beatrix Boris Carl Chen Clara Daniel Diana Edith Elena Emil Farah Felix Fritz Grace Hana Harold Hugo Ida Igor Ines Isaac Jane Jonas Julia Karim Kofi Laura Leon Lydia Marco Maria Martha Miguel Nadia Nils Olga Omar Oscar Paula Pedro Quentin Rosa Ruth Samuel Sara Sven Tariq Tessa Thomas Ulla Vera Victor Wanda Yuki Zoe".split()
COLOR = "red blue green yellow white black brown grey orange purple golden silver".split()
MONTH = "January February March April May June July August September October November December".split()
DAY = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
METAL = "iron copper tin silver gold zinc lead nickel cobalt".split()
GOODS = "wheat barley wool timber salt silk paper glass coffee tea sugar cotton leather honey fish coal bricks rope soap olive oil".split()
FOOD = "onions,garlic,rice,butter,flour,eggs,milk,tomatoes,beans,potatoes,carrots,lemon juice,olive oil,black pepper,cinnamon,mushrooms,cheese,chicken,lentils,spinach".split(",")
FIELD = "chemistry,botany,astronomy,music theory,engineering,geology,mathematics,medicine,history,philosophy,painting,economics".split(",")
JOB = "astronomer,painter,engineer,chemist,composer,explorer,poet,botanist,physician,architect,mathematician,novelist,sculptor,geologist,inventor".split(",")
PREY = "small fish,insects,berries,frogs,leaves and shoots,earthworms,mice,seeds,crabs,moss and lichen,fallen fruit".split(",")
WHERE = "tropical forests,dry grassland,mountain streams,coastal marshes,sandy deserts,oak woodland,coral reefs,high meadows,river banks".split(",")
year = lambda a=1400, b=2015: str(R.randint(a, b))
num = lambda a, b: f"{R.randint(a, b):,}"
person = lambda: f"{R.choice(FIRST)} {name()}"
date = lambda a=1700, b=2015: R.choice([f"{R.randint(1, 28)} {R.choice(MONTH)} {year(a, b)}", f"{R.choice(MONTH)} {R.randint(1, 28)}, {year(a, b)}"])
place = lambda: name()
land = lambda: R.choice(["northern ", "southern ", "eastern ", "western ", "central ", ""]) + name()
clock = lambda: R.choice([f"{R.randint(7, 19)}:{R.choice(['00', '15', '30', '45'])}", f"{R.randint(1, 12)} {R.choice(['am', 'pm'])}"])
pick = lambda xs: (lambda: R.choice(xs))

KINDS = {
    "person": (person, ["{n} worked as {a} {x}.", "{n} was a noted {x} of the period."], [
        (lambda: year(1500, 1960), ["{it} was born in {v}.", "Born in {v}, {it} grew up in a poor family."], ["When was {n} born?", "In what year was {n} born?", "what year was {n} born"]),
        (place, ["{it} came from the town of {v}.", "{it} was born in {v}."], ["Where was {n} born?", "Which town did {n} come from?", "Where did {n} come from?"]),
        (pick(FIELD), ["{it} studied {v} at the university.", "As a student {it} read {v}."], ["What did {n} study?", "Which subject did {n} study at university?"]),
        (person, ["In later life {it} married {v}.", "{it} was married to {v}."], ["Who did {n} marry?", "Who was {n} married to?", "who was the spouse of {n}"]),
        (lambda: f"{R.choice(['The', 'A', 'On the'])} {R.choice(['Silent', 'Broken', 'Hidden', 'Northern', 'Last', 'Second'])} {R.choice(['River', 'Garden', 'Compass', 'Winter', 'Voyage', 'Mirror'])}", ["{it} is best known for {v}.", "Fame came with {v}."], ["What is {n} best known for?", "What was the most famous work of {n}?", "What made {n} famous?"]),
        (date, ["{it} died on {v}.", "{it} passed away on {v} after a long illness."], ["When did {n} die?", "On what date did {n} die?", "when did {n} pass away"]),
        (person, ["{it} was taught by {v}.", "An early teacher was {v}."], ["Who taught {n}?", "Who was the teacher of {n}?"]),
    ], ["He", "She"]),
    "town": (place, ["{n} is a town in {x}.", "{n} is a port city in {x}."], [
        (lambda: num(900, 900000), ["It has a population of {v}.", "About {v} people live there.", "The town has {v} inhabitants."], ["What is the population of {n}?", "How many people live in {n}?", "how many inhabitants does {n} have"]),
        (lambda: f"the {name()} River", ["It lies on {v}.", "The town stands on the banks of {v}."], ["Which river is {n} on?", "What river does {n} lie on?", "On which river does {n} stand?"]),
        (lambda: year(600, 1900), ["It was founded in {v}.", "{n} was first settled in {v}.", "Founded in {v}, it grew quickly."], ["When was {n} founded?", "In which year was {n} founded?", "When was {n} settled?"]),
        (person, ["The current mayor is {v}.", "Its mayor is {v}."], ["Who is the mayor of {n}?", "What is the name of the mayor of {n}?"]),
        (lambda: some(GOODS, 1, 3), ["The town is known for its {v}.", "Its main exports are {v}.", "Traders there dealt in {v}."], ["What is {n} known for?", "What are the main exports of {n}?", "What did traders deal in at {n}?"]),
        (person, ["It was founded by {v}.", "The founder of the town was {v}."], ["Who founded {n}?", "Who was the founder of {n}?"]),
        (place, ["The nearest railway station is at {v}.", "A road links it to {v}."], ["Where is the nearest railway station to {n}?", "Which place does a road link {n} to?"]),
    ], ["It", "The town"]),
    "animal": (lambda: f"{name(1)} {R.choice(['fox', 'owl', 'frog', 'crab', 'deer', 'lizard', 'heron', 'bat', 'otter', 'moth'])}", ["The {n} is an animal found in {x}.", "The {n} lives in {x}."], [
        (pick(PREY), ["It feeds on {v}.", "Its diet is mostly {v}.", "It eats {v}."], ["What does the {n} eat?", "What does the {n} feed on?", "What is the diet of the {n}?"]),
        (pick(WHERE), ["Its habitat is {v}.", "It makes its home in {v}."], ["What is the habitat of the {n}?", "Where does the {n} make its home?", "Where does the {n} live?"]),
        (lambda: f"{R.randint(2, 240)} {R.choice(['grams', 'kilograms', 'pounds'])}", ["An adult weighs about {v}.", "It can reach a weight of {v}."], ["How much does the {n} weigh?", "What is the weight of an adult {n}?"]),
        (lambda: f"{R.randint(2, 60)} years", ["It lives for up to {v}.", "Its life span is {v}."], ["How long does the {n} live?", "What is the life span of the {n}?"]),
        (lambda: f"{R.choice(['two', 'three', 'four', 'five', 'six', 'eight', 'twelve'])} {R.choice(['eggs', 'young'])}", ["The female produces {v} each spring.", "It usually has {v} at a time."], ["How many young does the {n} produce?", "How many does the female {n} produce each spring?"]),
        (lambda: R.choice(COLOR), ["Its coat is {v}.", "It has {v} markings on its back."], ["What colour is the {n}?", "What color are the markings of the {n}?"]),
        (lambda: R.choice(["eagles", "wolves", "snakes", "foxes", "sharks", "wild cats"]), ["Its main enemies are {v}.", "It is hunted by {v}."], ["What hunts the {n}?", "What are the main enemies of the {n}?"]),
    ], ["It", "This animal"]),
    "company": (lambda: f"{name()} {R.choice(['Works', 'Motors', 'Systems', 'Brothers', 'Foods', 'Instruments', 'Press'])}", ["{n} is a company based in {x}.", "{n} has its offices in {x}."], [
        (lambda: year(1820, 2020), ["It was founded in {v}.", "The firm was set up in {v}."], ["When was {n} founded?", "In what year was {n} set up?", "when did {n} start"]),
        (person, ["It was started by {v}.", "The founder, {v}, still owns a share."], ["Who founded {n}?", "Who started {n}?"]),
        (lambda: some(GOODS + ["pumps", "engines", "clocks", "radios", "bicycles", "lenses", "pianos"], 1, 2), ["It makes {v}.", "The company produces {v}.", "Its best-selling products are {v}."], ["What does {n} make?", "What does {n} produce?", "What are the best-selling products of {n}?"]),
        (lambda: num(12, 90000), ["It employs {v} people.", "The company has {v} employees."], ["How many people does {n} employ?", "How many employees does {n} have?"]),
        (person, ["{v} is its chief executive.", "Since last year the director has been {v}."], ["Who is the chief executive of {n}?", "Who is the director of {n}?", "who runs {n}"]),
        (lambda: f"${R.randint(2, 900)} million", ["Last year its revenue was {v}.", "It reported sales of {v}."], ["What was the revenue of {n}?", "How much did {n} report in sales?"]),
        (lambda: f"{name()} {R.choice(['Holdings', 'Group', 'Union'])}", ["It was bought by {v}.", "In a later deal {v} took over the firm."], ["Who bought {n}?", "Which group took over {n}?"]),
    ], ["It", "The company"]),
    "mountain": (lambda: f"Mount {name()}", ["{n} is a mountain in {x}.", "{n} rises in {x}."], [
        (lambda: f"{num(600, 8200)} {R.choice(['metres', 'feet'])}", ["It is {v} high.", "Its summit reaches {v}.", "The peak stands {v} above sea level."], ["How high is {n}?", "How tall is {n}?", "What is the height of {n}?"]),
        (person, ["It was first climbed by {v}.", "{v} made the first ascent."], ["Who first climbed {n}?", "Who made the first ascent of {n}?"]),
        (lambda: year(1780, 1990), ["The first ascent was in {v}.", "It was first climbed in {v}."], ["When was {n} first climbed?", "In what year was the first ascent of {n}?"]),
        (lambda: f"the {name()} range", ["It belongs to {v}.", "It is the highest peak of {v}."], ["Which range does {n} belong to?", "What mountain range is {n} part of?"]),
        (lambda: R.choice(["granite", "limestone", "basalt", "sandstone", "slate"]), ["It is made of {v}.", "The rock is mainly {v}."], ["What is {n} made of?", "What kind of rock forms {n}?"]),
        (lambda: year(1200, 1980), ["The last eruption was in {v}.", "It last erupted in {v}."], ["When did {n} last erupt?", "When was the last eruption of {n}?"]),
    ], ["It", "The mountain"]),
    "river": (lambda: f"the {name()} River", ["{N} flows through {x}.", "{N} is a river in {x}."], [
        (lambda: f"{num(20, 4000)} {R.choice(['km', 'kilometres', 'miles'])}", ["It is {v} long.", "Its length is {v}."], ["How long is {n}?", "What is the length of {n}?"]),
        (lambda: f"Lake {name()}", ["It rises in {v}.", "Its source is {v}."], ["Where does {n} rise?", "What is the source of {n}?"]),
        (lambda: f"the {name()} Sea", ["It flows into {v}.", "It empties into {v}."], ["Where does {n} flow into?", "Which sea does {n} empty into?", "what does {n} flow into"]),
        (lambda: f"the {name()} Dam", ["It is crossed by {v}.", "{V} supplies power from its water."], ["Which dam crosses {n}?", "What supplies power from {n}?"]),
    ], ["It", "The river"]),
    "book": (lambda: f"The {R.choice(['Glass', 'Iron', 'Paper', 'Winter', 'Lost', 'Quiet', 'Salt', 'Lantern'])} {R.choice(['House', 'Bridge', 'Orchard', 'Letter', 'Harbour', 'Keeper', 'Road', 'Clock'])}", ["{n} is a novel set in {x}.", "{n} is a film that takes place in {x}."], [
        (person, ["It was written by {v}.", "Its author is {v}."], ["Who wrote {n}?", "Who is the author of {n}?", "who wrote the novel {n}"]),
        (lambda: year(1750, 2020), ["It was published in {v}.", "It first appeared in {v}."], ["When was {n} published?", "In what year did {n} first appear?"]),
        (person, ["The main character is {v}.", "It tells the story of {v}."], ["Who is the main character of {n}?", "Whose story does {n} tell?"]),
        (lambda: f"the {name()} Prize", ["It won {v}.", "The book was awarded {v}."], ["Which prize did {n} win?", "What award did {n} receive?", "What was {n} awarded?"]),
        (lambda: num(90, 900), ["It has {v} pages.", "The first edition ran to {v} pages."], ["How many pages does {n} have?", "How long was the first edition of {n}?"]),
        (lambda: f"{name()} Press", ["The publisher was {v}.", "It was brought out by {v}."], ["Who published {n}?", "What was the publisher of {n}?"]),
    ], ["It", "The book"]),
    "building": (lambda: f"{name()} {R.choice(['Hall', 'Tower', 'Castle', 'Bridge', 'Abbey', 'Museum', 'Palace', 'Library'])}", ["{n} stands in {x}.", "{n} is a landmark of {x}."], [
        (lambda: year(1050, 2010), ["It was built in {v}.", "Construction was finished in {v}.", "It was completed in {v}."], ["When was {n} built?", "When was {n} completed?", "In which year was {n} finished?"]),
        (person, ["The architect was {v}.", "It was designed by {v}."], ["Who designed {n}?", "Who was the architect of {n}?"]),
        (lambda: f"{R.randint(12, 400)} {R.choice(['metres', 'feet'])}", ["It is {v} tall.", "Its height is {v}."], ["How tall is {n}?", "What is the height of {n}?", "how high is {n}"]),
        (lambda: R.choice(["brick", "white marble", "red sandstone", "oak", "steel", "concrete", "granite"]), ["It is built of {v}.", "The walls are made of {v}."], ["What is {n} built of?", "What are the walls of {n} made of?", "What material was used for {n}?"]),
        (lambda: num(2000, 3000000), ["It receives {v} visitors a year.", "Each year {v} people visit it."], ["How many visitors does {n} receive a year?", "How many people visit {n} each year?"]),
        (lambda: R.choice(["a fire", "an earthquake", "a flood", "a storm", "a siege"]), ["Part of it was destroyed by {v}.", "It was badly damaged in {v}."], ["What destroyed part of {n}?", "What damaged {n}?"]),
    ], ["It", "The building"]),
    "material": (lambda: f"{name().lower()}{R.choice(['ium', 'ite', 'ine'])}", ["{N} is a substance found in {x}.", "{N} is a mineral from {x}."], [
        (lambda: R.choice(COLOR), ["It is {v} in colour.", "In pure form it is {v}."], ["What colour is {n}?", "What color is {n}?"]),
        (lambda: f"{num(20, 3400)} {R.choice(['°C', 'degrees', 'K'])}", ["It melts at {v}.", "Its melting point is {v}."], ["At what temperature does {n} melt?", "What is the melting point of {n}?"]),
        (person, ["It was discovered by {v}.", "{v} first isolated it."], ["Who discovered {n}?", "Who first isolated {n}?"]),
        (lambda: year(1650, 1990), ["It was discovered in {v}.", "It has been known since {v}."], ["When was {n} discovered?", "Since when has {n} been known?"]),
        (lambda: R.choice(["batteries", "dyes", "fertiliser", "light bulbs", "roof tiles", "cooking pots", "fireworks", "lenses"]), ["It is used to make {v}.", "Its main use is in {v}."], ["What is {n} used to make?", "What is {n} used for?", "What is the main use of {n}?"]),
        (lambda: f"{R.choice(METAL)} and {R.choice(GOODS[:8])}", ["It is made from {v}.", "It consists of {v}."], ["What is {n} made from?", "What does {n} consist of?"]),
    ], ["It", "The substance"]),
    "battle": (lambda: f"the Battle of {name()}", ["{N} was fought in {x}.", "{N} took place in {x}."], [
        (lambda: date(1100, 1945), ["It took place on {v}.", "The fighting began on {v}."], ["When did {n} take place?", "When did the fighting at {n} begin?", "when was {n}"]),
        (lambda: f"General {name()}", ["{v} led the defenders.", "The defenders were commanded by {v}."], ["Who led the defenders at {n}?", "Who commanded the defenders in {n}?"]),
        (lambda: f"the {name()} army", ["It was won by {v}.", "The victory went to {v}."], ["Who won {n}?", "Which army won {n}?"]),
        (lambda: num(300, 60000), ["About {v} soldiers were killed.", "More than {v} men died."], ["How many soldiers died in {n}?", "How many men were killed at {n}?"]),
        (lambda: f"{R.choice(['two', 'three', 'four', 'six', 'ten'])} {R.choice(['days', 'hours', 'weeks'])}", ["It lasted {v}.", "The fighting went on for {v}."], ["How long did {n} last?", "How long did the fighting at {n} go on?"]),
        (lambda: f"the Treaty of {name()}", ["It led to {v}.", "{V} was signed soon after."], ["What treaty followed {n}?", "What did {n} lead to?"]),
    ], ["It", "The battle"]),
    "country": (lambda: name(2) + R.choice(["", "ia", "land", "stan"]), ["{n} is a country in {x}.", "{n} is an island nation near {x}."], [
        (place, ["Its capital is {v}.", "The capital city is {v}.", "{v} is the capital and largest city."], ["What is the capital of {n}?", "Which city is the capital of {n}?", "capital of {n}"]),
        (lambda: R.choice(["the " + name(1).lower(), "the peso", "the crown", "the franc"]), ["The currency is {v}.", "People pay with {v}."], ["What is the currency of {n}?", "What money is used in {n}?"]),
        (lambda: f"{R.randint(1, 190)} million", ["About {v} people live there.", "Its population is {v}."], ["What is the population of {n}?", "How many people live in {n}?"]),
        (lambda: f"{name(2)}ish", ["The official language is {v}.", "Most people speak {v}."], ["What is the official language of {n}?", "What language do people speak in {n}?"]),
        (lambda: year(1776, 1995), ["It became independent in {v}.", "It gained independence in {v}."], ["When did {n} become independent?", "In what year did {n} gain independence?"]),
        (lambda: f"{num(500, 2000000)} square kilometres", ["It covers {v}.", "Its area is {v}."], ["What is the area of {n}?", "How large is {n}?", "how big is {n}"]),
        (place, ["It borders {v} to the north.", "To the north lies {v}."], ["Which country borders {n} to the north?", "What lies to the north of {n}?"]),
    ], ["It", "The country"]),
    "recipe": (lambda: f"{name(1)} {R.choice(['soup', 'bread', 'stew', 'cake', 'pie', 'salad', 'pancakes'])}", ["{N} is a dish from {x}.", "This is my aunt's {n} from {x}."], [
        (lambda: some(FOOD, 2, 4), ["You need {v}.", "The main ingredients are {v}."], ["What are the ingredients of {n}?", "What do you need for {n}?"]),
        (lambda: f"{R.randint(5, 95)} minutes", ["Bake it for {v}.", "Cook it for {v} on low heat."], ["How long should {n} cook?", "How long do you cook {n}?", "how long does the {n} take"]),
        (lambda: f"{R.randint(12, 25) * 10} degrees", ["Set the oven to {v}.", "The oven should be at {v}."], ["At what temperature is {n} baked?", "How hot should the oven be for {n}?"]),
        (lambda: f"{R.choice(['two', 'four', 'six', 'eight'])} people", ["It serves {v}.", "This makes enough for {v}."], ["How many people does {n} serve?", "How many does the {n} recipe serve?"]),
        (lambda: R.choice(["a green salad", "fresh bread", "cream", "pickles", "rice", "apple sauce"]), ["Serve it with {v}.", "It goes well with {v}."], ["What is {n} served with?", "What goes well with {n}?"]),
    ], ["It"]),
    "notes": (lambda: f"Project {name()}", ["Notes from the {n} meeting in {x}.", "{n} is run by the office in {x}."], [
        (person, ["{v} is in charge of the budget.", "The budget is handled by {v}."], ["Who is in charge of the budget for {n}?", "Who handles the budget of {n}?"]),
        (lambda: f"{R.choice(DAY)}", ["The next meeting is on {v}.", "We will meet again on {v}."], ["When is the next meeting of {n}?", "On which day is the next {n} meeting?"]),
        (clock, ["Meetings start at {v}.", "We begin at {v}."], ["What time do {n} meetings start?", "When do meetings begin?"]),
        (lambda: date(2015, 2026), ["The deadline is {v}.", "Everything has to be finished by {v}."], ["What is the deadline for {n}?", "When must {n} be finished?"]),
        (lambda: f"room {R.randint(2, 480)}", ["The team works in {v}.", "You will find us in {v}."], ["Which room does the {n} team work in?", "Where can the {n} team be found?"]),
        (lambda: f"{R.choice(['$', '€', '£'])}{num(900, 400000)}", ["The budget is {v}.", "So far {v} has been spent."], ["What is the budget of {n}?", "How much has been spent on {n}?"]),
        (person, ["Questions should go to {v}.", "Please contact {v} with questions."], ["Who should be contacted about {n}?", "Who should questions about {n} go to?"]),
    ], ["It"]),
    "device": (lambda: f"{name()} {R.choice(['X', 'Mark ', 'Model '])}{R.randint(2, 90)}", ["The {n} is a machine made in {x}.", "Thank you for buying the {n}, made in {x}."], [
        (lambda: f"the {R.choice(COLOR)} button", ["To start it, press {v}.", "Press {v} to switch it on."], ["Which button starts the {n}?", "How do you switch on the {n}?", "What do you press to start the {n}?"]),
        (lambda: f"{R.randint(2, 40)} hours", ["The battery lasts {v}.", "A full charge lasts {v}."], ["How long does the battery of the {n} last?", "How long does a full charge last?"]),
        (lambda: f"{R.choice(['one', 'two', 'three', 'five'])} years", ["The warranty runs for {v}.", "It comes with a guarantee of {v}."], ["How long is the warranty of the {n}?", "What is the warranty period of the {n}?"]),
        (lambda: f"{R.randint(2, 90)} kg", ["It weighs {v}.", "Its weight is {v}."], ["How much does the {n} weigh?", "What does the {n} weigh?"]),
        (lambda: f"every {R.choice(['week', 'month', 'six months', 'year'])}", ["The filter should be cleaned {v}.", "Change the filter {v}."], ["How often should the filter be cleaned?", "How often should you change the filter of the {n}?"]),
        (lambda: R.choice(["there is no paper", "the door is open", "the battery is low", "it is too hot", "the tank is empty"]), ["A blinking light means {v}.", "If the lamp flashes, {v}."], ["What does a blinking light mean on the {n}?", "What does it mean if the lamp flashes?"]),
    ], ["It", "The machine"]),
}


def cap(s):
    return s[:1].upper() + s[1:]


def entry(kind=None):
    """-> (kind, subject, passage, [(question, answer)])"""
    kind = kind or R.choice(list(KINDS))
    make, leads, facts, pron = KINDS[kind]
    n = make()
    x = R.choice(JOB) if kind == "person" else land()
    he = R.choice(pron)
    chosen = R.sample(facts, min(len(facts), R.randint(2, 5)))
    out = [R.choice(leads).format(n=n, N=cap(n), x=x, a="an" if x[:1] in "aeiou" else "a")]
    asked = []
    for mk, says, asks in chosen:
        v = mk()
        it = R.choice([he, he, cap(n)])
        s = R.choice(says)
        s = s.format(n=n, N=cap(n), v=v, V=cap(v), it=it if s.startswith("{it}") else (it.lower() if it == he else n))
        out.append(cap(s))
        asked.append((R.choice(asks).format(n=n), v))
    body = [out[0]] + R.sample(out[1:], len(out) - 1)
    return kind, n, cap(" ".join(body)), asked


# Chronicles: several events and statements of the same sort in one passage, so that names, years and things compete.
# Each act: what can be done in other words too (past, participle, base), to what, and what that is called in a question.
NOUN = lambda *xs: (lambda: f"the {name()} {R.choice(xs)}", xs)
ACTS = [
    (["built built build", "put_up put_up put_up", "constructed constructed construct", "erected erected erect"], lambda: NOUN("Bridge", "Tower", "Mill", "Chapel", "Lighthouse", "Warehouse"), "building structure"),
    (["founded founded found", "established established establish", "set_up set_up set_up", "started started start"], lambda: NOUN("Society", "School", "Institute", "Hospital", "Academy", "Company", "Club"), "organisation institution"),
    (["wrote written write", "authored authored author", "published published publish"], lambda: NOUN("Chronicle", "Letters", "Ballad", "Report", "Dictionary", "Atlas"), "book work"),
    (["painted painted paint", "created created create", "made made make"], lambda: NOUN("Altarpiece", "Portrait", "Fresco", "Mural", "Triptych"), "picture artwork"),
    (["discovered discovered discover", "found found find", "first_described first_described first_describe"], lambda: NOUN("Comet", "Cave", "Fossil", "Reef", "Glacier", "Effect"), "thing"),
    (["invented invented invent", "devised devised devise", "developed developed develop", "designed designed design"], lambda: NOUN("Engine", "Lamp", "Loom", "Valve", "Process", "Compass", "Code"), "invention"),
    (["destroyed destroyed destroy", "burned_down burned_down burn_down", "demolished demolished demolish"], lambda: NOUN("Palace", "Granary", "Fort", "Theatre", "Station"), "building"),
    (["bought bought buy", "purchased purchased purchase", "acquired acquired acquire"], lambda: NOUN("Estate", "Collection", "Diamond", "Vineyard", "Brewery", "Shipyard"), "property"),
    (["sold sold sell", "gave_away given_away give_away"], lambda: NOUN("Manuscript", "Farm", "Forest", "Quarry", "Violin"), "property"),
    (["won won win", "received received receive", "was_awarded awarded be_awarded"], lambda: NOUN("Medal", "Cup", "Prize", "Fellowship", "Trophy"), "award prize"),
    (["led led lead", "headed headed head", "commanded commanded command", "was_in_charge_of led be_in_charge_of"], lambda: NOUN("Expedition", "Regiment", "Uprising", "Fleet", "Campaign"), "undertaking"),
    (["composed composed compose", "wrote written write"], lambda: NOUN("Symphony", "Quartet", "Mass", "Overture", "Suite"), "piece of music"),
    (["translated translated translate", "edited edited edit"], lambda: NOUN("Psalter", "Codex", "Epic", "Gospels", "Saga"), "text"),
    (["opened opened open", "inaugurated inaugurated inaugurate"], lambda: NOUN("Museum", "Canal", "Railway", "Market", "Observatory", "Library"), "place"),
    (["closed closed close", "shut_down shut_down shut_down"], lambda: NOUN("Mine", "Factory", "Prison", "Harbour", "Foundry"), "place"),
    (["restored restored restore", "repaired repaired repair", "rebuilt rebuilt rebuild"], lambda: NOUN("Abbey", "Aqueduct", "Organ", "Clock", "Gate"), "monument"),
    (["crossed crossed cross", "explored explored explore", "mapped mapped map"], lambda: NOUN("Desert", "Strait", "Plateau", "Delta", "Icefield"), "region"),
    (["proposed proposed propose", "put_forward put_forward put_forward", "introduced introduced introduce"], lambda: NOUN("Law", "Tax", "Theory", "Reform", "Treaty", "Calendar"), "idea measure"),
    (["opposed opposed oppose", "criticised criticised criticise", "rejected rejected reject"], lambda: NOUN("Bill", "Plan", "Doctrine", "Alliance", "Merger"), "plan"),
    (["stole stolen steal", "took taken take"], lambda: NOUN("Crown", "Relic", "Ledger", "Jewels", "Archive"), "thing"),
    (["directed directed direct", "produced produced produce"], lambda: NOUN("Festival", "Pageant", "Opera", "Newsreel"), "production"),
    (["captured captured capture", "besieged besieged besiege", "conquered conquered conquer"], lambda: NOUN("Citadel", "Province", "Pass", "Garrison"), "stronghold"),
]
ORIGIN = "Norwegian,Persian,Chilean,Welsh,Polish,Egyptian,Korean,Dutch,Turkish,Peruvian,Greek,Kenyan,Irish,Indian,Swiss,Cuban".split(",")
REASON = "a shortage of timber,heavy rain,the rising price of bread,a quarrel with the guilds,an outbreak of cholera,lack of money,a royal order,the death of its patron,pressure from merchants,a dispute over land,fear of invasion,falling ticket sales".split(",")
COUNTS = "rooms windows ships guns sailors horses members volumes students beds wells towers statues wagons workers paintings shops bells looms acres orchards officers nurses lamps".split()
GENUS = "vessel,tool,garment,drum,dance,tax,boat,knife,bread,lamp,blanket,cart,rope,oven,flute,hat,fishing net,grain store".split(",")
USE = "carrying water,cutting reeds,drying fish,sharpening blades,measuring grain,catching eels,storing seed,calling cattle,grinding spices,weaving mats,lighting streets,crossing marshes,marking sheep,pressing olives,baking flat bread,sealing letters".split(",")
MADE_OF = "birch bark,goat skin,hammered copper,fired clay,horse hair,bamboo,whalebone,walnut wood,plaited straw,river stones,sheep wool,cast iron".split(",")


def event():
    """-> sentence, [(question, answer)]"""
    acts, make, kinds = R.choice(ACTS)
    said, asked = (([w.replace("_", " ") for w in a.split()]) for a in (R.choice(acts), R.choice(acts)))
    obj = make()[0]()
    noun = obj.split()[-1].lower()
    who, job, home, town = person(), R.choice(JOB), name(), place()
    when = R.choice([year(), year(), date()])
    short = who if R.random() < 0.6 else who.split()[-1]
    why = R.choice(REASON) if R.random() < 0.15 else None
    on = f"on {when}" if " " in when else f"in {when}"
    has_job, has_home, has_town, has_when = (R.random() < p for p in (0.45, 0.25, 0.4, 0.85))
    origin = R.choice(ORIGIN)
    agent = who
    if has_job and has_home:
        agent = f"{who}, {R.choice(['a', 'the'])} {job} from {home},"
    elif has_job:
        agent = R.choice([f"the {job} {who}", f"the {origin} {job} {who}"])
    elif has_home:
        agent = f"{who} of {home}"
    at = f" {R.choice(['in', 'at', 'near'])} {town}" if has_town else ""
    time = f" {on}" if has_when else ""
    reason = f" {R.choice(['because of', 'owing to', 'after'])} {why}" if why else ""
    passive = not said[0].startswith("was ")
    shape = R.random()
    if shape < 0.35 or not passive:
        s = f"{cap(agent)} {said[0]} {obj}{at}{time}{reason}."
    elif shape < 0.5:
        s = f"{cap(time.strip())}{',' if time else ''} {agent} {said[0]} {obj}{at}{reason}." if time else f"{cap(agent)} {said[0]} {obj}{at}{reason}."
    elif shape < 0.8:
        s = f"{cap(obj)} was {said[1]} by {agent.rstrip(',')}{at}{time}{reason}."
    elif shape < 0.9:
        s = f"It was {agent} who {said[0]} {obj}{at}{time}{reason}."
    else:
        s = f"{cap(obj)}, {said[1]} by {agent.rstrip(',')}{at}{time}{reason}, {R.choice(['is still remembered', 'was soon forgotten', 'made a great stir', 'cost more than planned', 'has often been copied'])}."
    kind = R.choice([noun, noun] + kinds.split()) if " of " not in kinds else noun
    q = [(R.choice([f"Who {asked[0]} {obj}?", f"Who {asked[0]} {obj}?", f"By whom was {obj} {asked[1]}?", f"{cap(obj)} was {asked[1]} by whom?",
                    f"What is the name of the person who {asked[0]} {obj}?", f"Which person {asked[0]} {obj}?"]), who),
         (R.choice([f"What did {short} {asked[2]}?", f"Which {noun} did {short} {asked[2]}?", f"What {kind} did {short} {asked[2]}?",
                    f"What was {asked[1]} by {short}?", f"Which {noun} was {asked[1]} by {short}?"]), obj)]
    if has_when:
        q.append((R.choice([f"When did {short} {asked[2]} {obj}?", f"When was {obj} {asked[1]}?", f"In what year did {short} {asked[2]} {obj}?",
                            f"What year was {obj} {asked[1]}?", f"In which year was {obj} {asked[1]}?", f"{cap(obj)} was {asked[1]} in what year?",
                            f"when was the {noun} {asked[1]} by {short}"]), when))
        if " " not in when:
            q.append(R.choice([(f"Who {asked[0]} the {noun} in {when}?", who), (f"What was {asked[1]} in {when}?", obj)]))
    if has_town:
        q.append((R.choice([f"Where did {short} {asked[2]} {obj}?", f"Where was {obj} {asked[1]}?", f"In which town was {obj} {asked[1]}?",
                            f"What place was {obj} {asked[1]} in?", f"At what place did {short} {asked[2]} the {noun}?"]), town))
    if has_job:
        q.append((R.choice([f"What was {short}'s profession?", f"What was the occupation of {short}?", f"What kind of work did {short} do?"]), job))
        q.append((R.choice([f"Which {job} {asked[0]} {obj}?", f"What was the name of the {job} who {asked[0]} {obj}?"]), who))
        if origin in agent:
            q.append((R.choice([f"What nationality was {short}?", f"What was the nationality of the {job} who {asked[0]} {obj}?"]), origin))
    if has_home and (has_job or " of " in agent):
        q.append((R.choice([f"Where was {short} from?", f"Where did the {job if has_job else 'person'} who {asked[0]} {obj} come from?", f"What town was {short} from?"]), home))
    if why:
        q += [(R.choice([f"Why did {short} {asked[2]} {obj}?", f"Why was {obj} {asked[1]}?", f"What caused {short} to {asked[2]} {obj}?",
                         f"For what reason was {obj} {asked[1]}?"]), why)] * 2
    return s, q


def statement():
    """-> sentence, [(question, answer)]: counts, meanings of words, lives, kinship, prices"""
    what = R.random()
    if what < 0.3:
        x = f"the {name()} {R.choice(['College', 'Fleet', 'Estate', 'Hospital', 'Guild', 'Castle', 'Colony', 'Monastery', 'Army', 'Library'])}"
        cs = R.sample(COUNTS, R.randint(2, 4))
        ns = [R.choice([num(3, 90), num(100, 9000), R.choice("two three four five six seven eight nine ten twelve twenty forty".split())]) for _ in cs]
        parts = [f"{n} {c}" for n, c in zip(ns, cs)]
        run = ", ".join(parts[:-1]) + " and " + parts[-1]
        y = year()
        s = R.choice([f"{cap(x)} had {run}.", f"By {y}, {x} owned {run}.", f"A survey of {y} gave {x} {run}.", f"{cap(x)} was made up of {run}.", f"There were {run} at {x}."])
        return s, [(R.choice([f"How many {c} did {x} have?", f"How many {c} were there at {x}?", f"What was the number of {c} of {x}?", f"how many {c} belonged to {x}"]), n) for n, c in zip(ns, cs)]
    if what < 0.5:
        w, g, u, m = name().lower(), R.choice(GENUS), R.choice(USE), R.choice(MADE_OF)
        land_ = name(2)
        s = R.choice([f"A {w} is a {g} of {m} used for {u} in {land_}.", f"In {land_}, a {g} made from {m}, called a {w}, serves for {u}.",
                      f"The {w}, a {g} from {land_}, is made of {m}; people use it for {u}.", f"For {u} the people of {land_} use a {g} of {m}, known as the {w}."])
        return s, [(R.choice([f"What is a {w} used for?", f"What is the purpose of the {w}?", f"What do people do with a {w}?"]), u),
                   (R.choice([f"What is a {w} made of?", f"Which material is a {w} made from?"]), m),
                   (R.choice([f"What is a {w}?", f"What kind of thing is a {w}?"]), g),
                   (R.choice([f"What is the {g} used for {u} called?", f"What do you call the {g} from {land_}?", f"What is used for {u} in {land_}?"]), w),
                   (R.choice([f"Where does the {w} come from?", f"Where is the {w} used?", f"In which country is a {w} found?"]), land_)]
    if what < 0.75:
        a, job = person(), R.choice(JOB)
        b = R.randint(1400, 1930)
        d = b + R.randint(25, 90)
        p1, p2, o = place(), place(), R.choice(ORIGIN)
        s = R.choice([f"{a} ({b}–{d}) was {'an' if o[0] in 'AEIOU' else 'a'} {o} {job}.", f"{a} (born {b} in {p1}; died {d} in {p2}) was {'an' if o[0] in 'AEIOU' else 'a'} {o} {job}.",
                      f"{a}, {'an' if o[0] in 'AEIOU' else 'a'} {o} {job}, was born in {b} in {p1} and died in {d} in {p2}.", f"Born in {p1} in {b}, the {o} {job} {a} died in {p2} in {d}."])
        q = [(R.choice([f"When was {a} born?", f"In what year was {a} born?", f"What year was the {job} {a} born?"]), str(b)),
             (R.choice([f"When did {a} die?", f"In which year did {a} die?", f"What was the year of {a}'s death?"]), str(d)),
             (R.choice([f"What was {a}?", f"What did {a} do for a living?", f"What was {a}'s occupation?"]), job),
             (R.choice([f"What nationality was {a}?", f"What was {a}'s nationality?"]), o)]
        if p1 in s:
            q += [(R.choice([f"Where was {a} born?", f"What was the birthplace of {a}?"]), p1), (R.choice([f"Where did {a} die?", f"In which town did {a} die?"]), p2)]
        return s, q
    if what < 0.9:
        a, b = person(), person()
        k = R.choice("daughter son pupil nephew wife rival secretary neighbour".split())
        s = R.choice([f"{a} was the {k} of {b}.", f"{b}'s {k} was {a}.", f"{a}, the {k} of {b}, wrote about these years.", f"{b} relied on a {k}, {a}."])
        return s, [(R.choice([f"Who was the {k} of {b}?", f"Who was {b}'s {k}?", f"What was the name of {b}'s {k}?"]), a),
                   (R.choice([f"Whose {k} was {a}?", f"{a} was the {k} of whom?"]), b)]
    x = f"the {name()} {R.choice(['Canal', 'Theatre', 'Telescope', 'Statue', 'Organ', 'Exhibition', 'Mill'])}"
    a, b, c = f"{R.choice(['$', '£', '€'])}{num(900, 900000)}", num(2000, 800000), f"{num(3, 900)} {R.choice(['metres', 'feet', 'tonnes', 'miles', 'kilometres'])}"
    verb = {"metres": "measured", "feet": "measured", "tonnes": "weighed", "miles": "stretched", "kilometres": "stretched"}[c.split()[1]]
    s = R.choice([f"{cap(x)} cost {a}, {verb} {c} and drew {b} visitors in its first year.", f"{cap(x)} {verb} {c}; it drew {b} visitors in its first year and cost {a}.", f"With {b} visitors in its first year, {x}, which {verb} {c}, soon paid back the {a} it had cost."])
    how = {"measured": f"What size was {x}?", "weighed": f"How much did {x} weigh?", "stretched": f"How far did {x} stretch?"}[verb]
    return s, [(R.choice([f"How much did {x} cost?", f"What was the price of {x}?", f"What did {x} cost?"]), a), (how, c),
               (R.choice([f"How many people visited {x} in its first year?", f"How many visitors did {x} have?"]), b)]


def chronicle():
    """-> title, passage, [(question, answer)]: three to seven sentences with names, years and numbers that compete"""
    many = R.randint(3, 7)
    said, asked = [], []
    for _ in range(many):
        s, q = event() if R.random() < 0.65 else statement()
        said.append(s)
        asked += R.sample(q, min(2, len(q)))
    title = R.choice([name(), f"History of {name()}", f"{name()} County", person(), f"{name()} in the {R.choice(['Middle Ages', '18th century', '19th century', '20th century'])}"])
    return title, " ".join(said), asked


def records(n, chronicles=0.0):
    while n > 0:
        if chronicles and R.random() < chronicles:
            t, p, asked = chronicle()
            for q, v in R.sample(asked, min(3, len(asked))):
                hit = v if v in p else cap(v)
                if hit not in p:
                    continue
                yield {"t": t if R.random() < 0.8 else "", "p": p, "q": cap(q) if R.random() < 0.8 else q.rstrip("?").lower(), "a": [hit], "s": "synth"}
                n -= 1
            continue
        kind, t, p, asked = entry()
        if R.random() < 0.55:  # a second subject in the same passage, as a distractor: mostly a rival of the same kind
            _, _, p2, _ = entry(kind if R.random() < 0.6 else None)
            p = f"{p} {p2}" if R.random() < 0.5 else f"{p2} {p}"
        for q, v in R.sample(asked, min(2, len(asked))):
            hit = v if v in p else cap(v)
            if hit not in p:
                continue
            yield {"t": cap(t) if R.random() < 0.8 else "", "p": p, "q": cap(q) if R.random() < 0.8 else q.rstrip("?").lower(), "a": [hit], "s": "synth"}
            n -= 1


if __name__ == "__main__":
    ap = argparse.ArgumentParser()
    ap.add_argument("out")
    ap.add_argument("--n", type=int, default=30000)
    ap.add_argument("--chronicles", type=float, default=0.0, help="share of passages that are chronicles: events and statements that compete")
    ap.add_argument("--seed", type=int, default=1)
    ar = ap.parse_args()
    R.seed(ar.seed)
    PLAIN = 0.5 if ar.chronicles else 0.0
    with open(ar.out, "w") as f:
        for r in records(ar.n, ar.chronicles):
            f.write(json.dumps(r, ensure_ascii=False) + "\n")
