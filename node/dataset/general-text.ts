/**
 * General text: short passages about this and that, a few questions with their answers, a little
 * code, some lines in other languages. The host watches how well a model still knows them while it
 * learns something else. They were written for Barnraise, and are in nobody's data.
 *
 * They never change: losses are compared from round to round, over a coordinator that may have
 * been updated between two of them. Kinds alternate, so that the first few stand for all.
 */
export const GENERAL_TEXT: readonly string[] = [
  'Bread rises because yeast feeds on the sugar in the dough and gives off a gas. The gas ' +
    'is caught in a net of gluten, which forms when flour and water are worked together. If ' +
    'the dough stands too long, the net tears and the loaf falls flat.',
  'Question: How many days are there in a leap year?\nAnswer: There are 366 days in a leap ' +
    'year.',
  'The train to the coast leaves at a quarter past seven. Change at the second stop, and ' +
    'sit on the left if you want to see the lake. Tickets are checked after the bridge.',
  'def mean(values):\n    """The arithmetic mean of a list of numbers."""\n    total = 0\n ' +
    '   for value in values:\n        total += value\n    return total / len(values)\n',
  'A river that winds across a plain cuts into the outside of each bend and leaves sand on ' +
    'the inside. After many years two bends may meet; the water takes the short way, and the ' +
    'old bend becomes a lake in the shape of a bow.',
  '"Have you seen my glasses?" she asked.\n"They are on your head," he said, without ' +
    'looking up from the newspaper.\nShe laughed, put them on, and asked what was new in the ' +
    'world.',
  'Die Bibliothek ist montags geschlossen. An den anderen Tagen ist sie von zehn bis ' +
    'achtzehn Uhr geöffnet, und am Samstag schließt sie schon um eins.',
  'To change a tyre, loosen the nuts a little before the car is lifted. Put the jack under ' +
    'the place that the manual shows, raise the car, take the nuts off, and hang the spare ' +
    'wheel on. Tighten the nuts crosswise, and once more when the car is down.',
  'Question: What is 17 plus 26?\nAnswer: 17 plus 26 is 43.',
  'In the long run prices follow costs, but from day to day they follow what people ' +
    'expect. When most buyers believe that something will be dearer tomorrow, they buy ' +
    'today, and so make it dearer at once.',
  'Dear Ms Okafor,\nthank you for your letter of the 3rd. The meeting has been moved to ' +
    'Thursday at ten, in the same room. Please bring the drawings of the second floor.\nKind ' +
    'regards,\nJ. Lindqvist',
  'Light takes a little more than eight minutes from the sun to the earth. We therefore ' +
    'see the sun as it was eight minutes ago, and many stars as they were before anybody ' +
    'could write.',
  'Le marché a lieu chaque mercredi sur la place. On y trouve des fruits, du fromage et, ' +
    'au printemps, des plantes pour le jardin.',
  'Question: Which is heavier, a kilogram of iron or a kilogram of feathers?\nAnswer: They ' +
    'weigh the same. A kilogram is a kilogram, whatever it is made of.',
  'The council voted seven to four to keep the old bridge open to people on foot and on ' +
    'bicycles. Cars will use the new one, which is to be finished in the autumn of next year.',
  'Boil the potatoes in their skins for twenty minutes. Meanwhile fry an onion in butter ' +
    'until it is golden, add a spoonful of flour, and stir in half a litre of milk. Salt, ' +
    'pepper, and a little nutmeg are all it needs.',
  'SELECT name, count(*) AS visits\nFROM visitors\nWHERE year = 2020\nGROUP BY name\nORDER ' +
    'BY visits DESC\nLIMIT 10;',
  'Plants turn light into sugar. In their leaves a green pigment takes up the red and the ' +
    'blue of the light, and the energy splits water into oxygen, which is given off, and ' +
    'hydrogen, which is built into sugar together with carbon dioxide from the air.',
  'He had never been good at saying goodbye. At the station he talked about the weather, ' +
    'then about the weather in other places, until the doors closed.',
  'Question: Name the four seasons.\nAnswer: Spring, summer, autumn, and winter.',
  'A contract needs an offer and an acceptance. Silence is no acceptance, as a rule, ' +
    'though among merchants it can become one by long habit.',
  'La farmacia está en la esquina, al lado de la panadería. Abre a las nueve de la mañana ' +
    'y cierra a las ocho de la tarde.',
  'When two people lift a table together, the one who walks backwards cannot see the way. ' +
    'It helps to agree beforehand who gives the signals, and to set the table down as often ' +
    'as either of them wants.',
  'The number 91 looks like a prime, but it is 7 times 13. A quick test is to divide by ' +
    'the small primes in turn: 2, 3, 5, 7. None above the square root has to be tried.',
  'Question: Why is the sky blue?\nAnswer: Air scatters the short waves of sunlight more ' +
    'than the long ones, so blue light reaches us from all parts of the sky.',
  'Winter came early that year. By the middle of November the pond was frozen, and the ' +
    'children crossed it on their way to school although they had been told not to.',
  '{"city": "Lisbon", "country": "Portugal", "population": 545000, "languages": ' +
    '["Portuguese"]}',
  'A good chair holds you up at the small of the back. The seat should be so high that ' +
    'both feet rest on the floor, and the screen so far away that you can just touch it with ' +
    'your hand.',
  'The minister said on Tuesday that the figures were not what had been hoped for. He did ' +
    'not say what would follow from them. A report is expected by the end of the month.',
  'Question: Translate "good morning" into German.\nAnswer: Guten Morgen.',
  'Sound is slower in air than in water, and slower in water than in steel. Whoever lays ' +
    'an ear to a rail hears the train long before the air brings its noise.',
  'First the walls were painted, then the doors, and at last the ceiling, which was the ' +
    'wrong way round: everything had to be covered again, and there were white drops on the ' +
    'blue doors.',
  'Vaccines show the body a harmless part of a germ. The body learns to know it, and keeps ' +
    'cells that remember. When the real germ comes, the answer is quick, and often nobody ' +
    'notices anything.',
  'for (let row = 0; row < rows; row++) {\n  const cells = line(row).split(",")\n  if ' +
    '(cells.length !== columns) throw new Error("row " + row + " is too short")\n}\n',
  'Question: What do bees make from nectar?\nAnswer: Bees make honey from nectar.',
  'An island may be the top of a mountain that stands on the floor of the sea, a piece of ' +
    'land that the sea has cut off, or the work of corals, which build upwards as the ground ' +
    'sinks.',
  'She sold the shop at the age of sixty, bought a small boat, and learned to sail it from ' +
    'a book. In the first summer she went no farther than the lighthouse. In the second she ' +
    'went round it.',
  'The minutes of the last meeting were read and approved. The treasurer reported a ' +
    'balance of 412 pounds. It was agreed to buy a second ladder, and to lend the first one ' +
    'to the school.',
  'Question: If it is three o’clock now, what time will it be in five hours?\nAnswer: It ' +
    'will be eight o’clock.',
  'Maps lie, because the earth is round and paper is flat. Some keep angles right and ' +
    'swell the lands near the poles; others keep areas right and bend the shapes. A globe ' +
    'lies least, but it does not fit into a pocket.',
]
