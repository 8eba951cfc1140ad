"""Sentences in which solutions are told, thirty a language, written for `benchmarks.languages`.

Those at even places choose the threshold, those at odd places judge it.
"""

from __future__ import annotations

ENGLISH = """
First we add the apples that she already had to the ones she bought.
Then she gives half of them to her brother and keeps the rest.
Since each box holds twelve pencils, we multiply the boxes by twelve.
That leaves seventeen marbles in the bag.
So the train needs three more hours to reach the coast.
Let us call the unknown price of one ticket x.
The perimeter of the garden is twice the sum of its sides.
After paying the rent he still has forty dollars.
We know that the angles of a triangle always add up to a straight angle.
Now divide both sides by the number of children.
He walks twice as fast as his younger sister.
This means that every worker finishes two chairs a day.
The remaining cookies are shared equally among the friends.
It follows that the square root cannot be an integer.
Next, subtract what was spent on milk and bread.
Therefore the answer must be an even number.
Because nobody wants the last slice, one piece is left over.
They read fewer pages on Monday than on Tuesday.
If the shop sells eggs by the dozen, she needs four dozen.
By the end of the week the farmer had sold all his sheep.
Suppose that the claim is false.
Both equations can only hold when the two lines meet.
How many flowers does Anna have now?
She finds some more shells on the beach.
The larger tank fills in half the time.
Adding these together gives the total cost.
We round the result to the nearest cent.
Each of the bags weighs the same as before.
Only the first case is possible here.
His father is older than his mother by two years.
"""

FRENCH = """
D'abord, on additionne les pommes qu'elle avait déjà et celles qu'elle a achetées.
Ensuite, elle en donne la moitié à son frère et garde le reste.
Comme chaque boîte contient douze crayons, on multiplie le nombre de boîtes par douze.
Il reste donc dix-sept billes dans le sac.
Le train met alors trois heures de plus pour arriver à la côte.
Appelons x le prix inconnu d'un billet.
Le périmètre du jardin est le double de la somme de ses côtés.
Après avoir payé le loyer, il lui reste encore quarante euros.
On sait que la somme des angles d'un triangle vaut un angle plat.
Divisons maintenant les deux membres par le nombre d'enfants.
Il marche deux fois plus vite que sa petite sœur.
Cela signifie que chaque ouvrier termine deux chaises par jour.
Les biscuits qui restent sont partagés également entre les amis.
Il s'ensuit que la racine carrée ne peut pas être un entier.
Retirons maintenant ce qui a été dépensé pour le lait et le pain.
La réponse doit donc être un nombre pair.
Comme personne ne veut la dernière part, il en reste une.
Ils ont lu moins de pages lundi que mardi.
Si le magasin vend les œufs par douzaine, il lui en faut quatre.
À la fin de la semaine, le fermier avait vendu tous ses moutons.
Supposons que cette affirmation soit fausse.
Les deux équations ne sont vraies que si les droites se coupent.
Combien de fleurs Anna a-t-elle maintenant ?
Elle trouve encore quelques coquillages sur la plage.
Le plus grand réservoir se remplit en deux fois moins de temps.
En ajoutant tout cela, on obtient le coût total.
On arrondit le résultat au centime près.
Chacun des sacs pèse autant qu'avant.
Seul le premier cas est possible ici.
Son père a deux ans de plus que sa mère.
"""

GERMAN = """
Zuerst zählen wir die Äpfel, die sie schon hatte, und die gekauften zusammen.
Dann gibt sie ihrem Bruder die Hälfte davon und behält den Rest.
Da in jeder Schachtel zwölf Stifte liegen, nehmen wir die Schachteln mal zwölf.
Es bleiben also siebzehn Murmeln im Beutel.
Der Zug braucht demnach noch drei Stunden bis zur Küste.
Wir nennen den unbekannten Preis einer Karte x.
Der Umfang des Gartens ist das Doppelte der Summe seiner Seiten.
Nachdem er die Miete bezahlt hat, hat er noch vierzig Euro.
Wir wissen, dass die Winkel eines Dreiecks zusammen einen gestreckten Winkel ergeben.
Nun teilen wir beide Seiten durch die Anzahl der Kinder.
Er läuft doppelt so schnell wie seine kleine Schwester.
Das heißt, dass jeder Arbeiter am Tag zwei Stühle fertig macht.
Die übrigen Kekse werden gleichmäßig unter den Freunden verteilt.
Daraus folgt, dass die Wurzel keine ganze Zahl sein kann.
Als Nächstes ziehen wir ab, was für Milch und Brot ausgegeben wurde.
Deshalb muss die Antwort eine gerade Zahl sein.
Weil niemand das letzte Stück will, bleibt eines übrig.
Am Montag haben sie weniger Seiten gelesen als am Dienstag.
Wenn der Laden Eier nur im Dutzend verkauft, braucht sie vier davon.
Am Ende der Woche hatte der Bauer alle Schafe verkauft.
Angenommen, die Behauptung ist falsch.
Beide Gleichungen gelten nur, wenn sich die Geraden schneiden.
Wie viele Blumen hat Anna jetzt?
Sie findet noch ein paar Muscheln am Strand.
Der größere Tank ist in der halben Zeit voll.
Alles zusammen ergibt die gesamten Kosten.
Wir runden das Ergebnis auf den nächsten Cent.
Jeder der Säcke wiegt so viel wie vorher.
Hier ist nur der erste Fall möglich.
Sein Vater ist zwei Jahre älter als seine Mutter.
"""

CHINESE = """
首先把她原来的苹果和后来买的苹果加起来。
然后她把一半分给弟弟，自己留下剩下的。
因为每个盒子里有十二支铅笔，所以用盒数乘以十二。
这样袋子里还剩十七颗弹珠。
所以火车还要三个小时才能到海边。
设一张票的价格为未知数。
花园的周长等于两条边之和的两倍。
付完房租以后，他还有四十元。
我们知道三角形的内角和总是一个平角。
现在两边同时除以孩子的人数。
他走路的速度是妹妹的两倍。
也就是说每个工人一天做好两把椅子。
剩下的饼干由朋友们平均分。
由此可知这个平方根不可能是整数。
接下来减去买牛奶和面包花的钱。
因此答案一定是偶数。
因为没有人要最后一块，所以剩下一块。
他们星期一读的页数比星期二少。
如果商店按打卖鸡蛋，她需要四打。
到了周末，农民已经卖掉了所有的羊。
假设这个命题不成立。
只有两条直线相交时，两个方程才同时成立。
安娜现在有多少朵花？
她在沙滩上又找到了一些贝壳。
大水箱只用一半的时间就能装满。
把这些加在一起就是总费用。
我们把结果四舍五入到分。
每个袋子的重量和以前一样。
这里只有第一种情况是可能的。
他的父亲比母亲大两岁。
"""

SENTENCES = {
    "en": ENGLISH.split("\n")[1:-1],
    "fr": FRENCH.split("\n")[1:-1],
    "de": GERMAN.split("\n")[1:-1],
    "zh": CHINESE.split("\n")[1:-1],
}

STRANGERS = {
    "es": ["Después de pagar el alquiler todavía le quedan cuarenta euros.", "Ella encuentra más conchas en la playa.",
           "La respuesta debe ser un número par.", "Ahora dividimos entre el número de niños."],
    "nl": ["Daarna geeft ze de helft aan haar broer en houdt ze de rest.", "Het antwoord moet dus een even getal zijn.",
           "Elke zak weegt evenveel als daarvoor.", "Er blijven zeventien knikkers over in de zak."],
    "ja": ["それから彼女は半分を弟にあげます。", "だから答えは偶数でなければなりません。",
           "袋には十七個のビー玉が残ります。", "彼の父は母より二歳年上です。"],
    "ru": ["Затем она отдаёт половину брату.", "Поэтому ответ должен быть чётным числом.",
           "В мешке остаётся семнадцать шариков.", "Его отец на два года старше матери."],
}  # fmt: skip
"""Languages that nobody asked for."""
