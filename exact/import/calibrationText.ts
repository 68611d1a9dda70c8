/**
 * Text that a model is calibrated on when the user gives none: prose, talk, lists, code, numbers and several languages,
 * so that most of what drives a model's activations occurs. Written for this purpose.
 */
export const CALIBRATION_TEXT = `The harbour lies on the north side of the bay, where the river has cut a channel deep enough for large
ships. In winter the wind comes from the west and brings rain for weeks; in summer the water is calm, and the ferries to
the islands leave every two hours. Most of the people who live here work in the fish market, in the shipyard or in one of
the small hotels along the shore. The old lighthouse, built in 1847 of grey stone, was replaced by an automatic beacon,
but it is still open to visitors on Sundays between ten and four.

"Did you lock the door?" she asked.
"I thought you had the key," he said, and looked through his pockets once more. "Wait. No, that's the one for the cellar."
"Then we'll have to go back, won't we? It's only twenty minutes, and the shop doesn't close before eight."
They turned round and walked up the hill again, past the school and the closed bakery, without saying another word.

How to make bread: 1. Mix 500 g of flour, 10 g of salt, 7 g of dry yeast and 350 ml of warm water. 2. Knead for ten minutes
until the dough is smooth. 3. Cover it with a cloth and let it rise for an hour. 4. Form a loaf, let it rest for another 30
minutes and bake it at 230 degrees for about 40 minutes. A loaf is done when it sounds hollow if you knock on its bottom.

Photosynthesis is the process by which green plants, algae and some bacteria turn light into chemical energy. Water is
split, oxygen is set free, and carbon dioxide from the air is built into sugars. The overall equation is usually written
6 CO2 + 6 H2O -> C6H12O6 + 6 O2. Chlorophyll absorbs mainly blue and red light; the green part is reflected, and this is
why leaves look green. In 1961 Melvin Calvin received the Nobel Prize for showing in which order the carbon is bound.

function median(values) {
  if (values.length === 0) throw new Error('no values');
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

def primes(limit):
    """All primes below limit, by the sieve of Eratosthenes."""
    sieve = [True] * limit
    for i in range(2, int(limit ** 0.5) + 1):
        if sieve[i]:
            sieve[i * i :: i] = [False] * len(range(i * i, limit, i))
    return [i for i in range(2, limit) if sieve[i]]

{"id": 48213, "name": "Anna Keller", "tags": ["north", "reader"], "balance": -12.75, "active": true, "next": null}
SELECT city, COUNT(*) AS people FROM residents WHERE age >= 18 GROUP BY city ORDER BY people DESC LIMIT 10;

Question: A train leaves at 14:35 and arrives at 17:10. How long does the journey take, and what is its average speed if
the distance is 310 km? Answer: From 14:35 to 17:10 are 2 hours and 35 minutes, or 155 minutes. The speed is 310 / 155 = 2
kilometres a minute, which is 120 km/h. Next: what is 17 times 23? 17 * 23 = 17 * 20 + 17 * 3 = 340 + 51 = 391.

Dear Mr. Okafor, thank you for your letter of 3 March. We are sorry to hear that the second parcel was damaged. A new one has
been sent today and should reach you by Friday; you do not need to return the broken parts. If there is anything else that
we can do, please call +44 20 7946 0123 or write to help@example.com. Yours sincerely, M. Lindqvist, customer service

The court held that the contract was void, because neither party had disclosed the defect (see section 4.2), and ordered the
defendant to repay $12,400.00 within 30 days. An appeal was dismissed on 9 June 2011. Two judges disagreed in part; in their
view the buyer should have examined the machine before she signed.

Die Bibliothek öffnet um neun Uhr, aber im August bleibt sie wegen Bauarbeiten geschlossen. Wer ein Buch zurückgeben möchte,
kann es in den Kasten neben der Tür legen. Le musée se trouve derrière la gare, à cinq minutes à pied ; l'entrée est gratuite
le premier dimanche du mois. El tren de las ocho llega tarde otra vez, así que tomaremos el autobús. Поезд отправляется со
второго пути через десять минут. 今天的天气很好，我们去公园散步吧。昨日は雨でしたが、今日は晴れています。 السلام عليكم ورحمة الله.

Once upon a time a miller had three sons, a mill, a donkey and a cat. When he died, the eldest got the mill, the second the
donkey, and for the youngest nothing was left but the cat. "What shall I do with you?" he said sadly. "My brothers can earn
their bread together, but I can only eat you, and then I shall go hungry." The cat, who had understood every word, answered
gravely: "Do not worry, master. Give me a pair of boots and a bag, and you will see that you are not as poor as you think."

Markets fell on Tuesday after the central bank raised its rate by a quarter of a point, to 4.25 percent. Shares of builders
lost most: the index closed 1.8% lower at 6,732.15. Analysts had expected the step, yet many were surprised by how openly the
governor spoke of further ones. "We are not there yet," he told reporters. Oil rose to $81.40 a barrel, gold hardly moved.

# Notes
- **Memory**: a cache keeps what was used last; if it is full, the oldest entry goes.
- *Latency* and throughput are different things: a ship full of disks is slow and carries a lot.
- See https://example.org/docs/index.html?page=2#cache for a longer text.

Music theory calls the distance between two notes an interval. An octave doubles the frequency: 220 Hz, 440 Hz, 880 Hz. Between
them lie twelve equal steps, each a factor of about 1.0595. A fifth, seven steps, is so close to the ratio 3:2 that the ear takes
one for the other. Whether this closeness is beautiful or merely convenient has been argued over for three hundred years.
`;
