package shop

type product struct {
	ID       int64  `json:"id"`
	Slug     string `json:"slug"`
	Name     string `json:"name"`
	Maker    string `json:"maker"`
	Category string `json:"category"`
	Price    int64  `json:"price_cents"`
	Stock    int64  `json:"stock"`
	Blurb    string `json:"blurb"`
	Story    string `json:"story,omitempty"`
}

func categories() []string { return []string{"Table", "Kitchen", "Light", "Home", "Garden", "Desk"} }

func seedProducts() []product {
	return []product{
		{1, "teapot", "Heron teapot", "Alder Pottery", "Table", 6400, 14, "Stoneware, 0.9 l, pours without a drip.", "The spout is drawn out by hand while the clay is still soft, long and a little stubborn, like the bird. The lid stays on when you tip it."},
		{2, "mug", "Morning mug", "Alder Pottery", "Table", 1800, 62, "A generous 350 ml, with room for four fingers.", "Glazed inside, bare clay outside, so that it warms slowly and never burns your hand."},
		{3, "bowls", "Nesting bowls", "Alder Pottery", "Table", 5200, 9, "Three bowls that stack into one.", "For rice, for salad, for everybody's soup. The smallest is also the best measure for a handful of oats."},
		{4, "plate", "Salt-glaze plate", "Kiln & Co.", "Table", 2400, 31, "26 cm, each with its own speckle.", "Salt is thrown into the kiln at 1,300 degrees and does what it wants. No two plates agree."},
		{5, "carafe", "Carafe and glass", "Brook Glass", "Table", 3900, 18, "One litre, and a tumbler that is its lid.", "For the bedside or the desk. Mouth-blown, so the glass fits its own carafe and no other."},
		{6, "board", "Oak bread board", "Long Shed", "Kitchen", 4600, 22, "One piece of oak, 42 cm, oiled.", "Cut from the wide middle of the plank. It will darken where you use it most, which is the point."},
		{7, "kettle", "Enamel kettle", "Nordkap", "Kitchen", 7200, 11, "Whistles in two notes. All hobs.", "Two layers of enamel over steel, and a whistle tuned to a third, because a kettle should not scream."},
		{8, "mill", "Pepper mill", "Long Shed", "Kitchen", 3400, 27, "Beech, with a ceramic grinder.", "Grinds from dust to crushed. There is a 25-year promise on the grinder and a lifelong one on the beech."},
		{9, "knife", "Kitchen knife", "Forge Nine", "Kitchen", 8900, 7, "Carbon steel, 18 cm, walnut handle.", "It takes an edge you can shave a tomato with, and wants to be dried. We re-grind it free, every year."},
		{10, "lamp", "Reading lamp", "Wren Works", "Light", 12800, 12, "Bends where you want it, stays there.", "One brass joint, one steel shade, 2 m of cloth cable. The switch is where your thumb looks for it."},
		{11, "pendant", "Bell pendant", "Wren Works", "Light", 9800, 8, "Spun steel, 30 cm, warm inside.", "Enamelled dark outside and cream inside, so that the light is for the table and not for the neighbours."},
		{12, "candles", "Pair of candlesticks", "Forge Nine", "Light", 4400, 19, "Solid brass, 14 and 20 cm.", "Turned from one bar. Heavy enough for a cat's tail."},
		{13, "lantern", "Porch lantern", "Nordkap", "Light", 5600, 15, "Steel and glass, for a candle or a bulb.", "Storm-proof to force seven, which we tried. The door shuts with a click."},
		{14, "vase", "Bottle vase", "Brook Glass", "Home", 3200, 24, "For one branch, and that is enough.", "Thick green glass from melted bottles. The bubbles are what is left of the champagne."},
		{15, "blanket", "Wool blanket", "Fold Mill", "Home", 13900, 10, "100 % lambswool, 130 × 190 cm.", "Woven in a mill that has done nothing else since 1868. It smells of sheep for a week, then of home."},
		{16, "cushion", "Linen cushion", "Fold Mill", "Home", 4800, 33, "45 cm, washed linen, feather inside.", "Washed three times before it is sewn, so it starts out as soft as others end."},
		{17, "clock", "Quiet clock", "Wren Works", "Home", 7600, 13, "No tick. 28 cm.", "A sweeping movement and a face that can be read without glasses, across a kitchen, at six in the morning."},
		{18, "stool", "Milking stool", "Long Shed", "Home", 8400, 6, "Three legs never wobble. Ash.", "A seat, a step, a bedside table. The legs are wedged, not glued, so it can be mended for a hundred years."},
		{19, "trowel", "Hand trowel", "O'Reilly & Daughters", "Garden", 2900, 41, "Forged steel, ash handle.", "Made by O'Reilly & Daughters in Clare. The blade is forged in one piece with its neck: the place where all others bend."},
		{20, "can", "Watering can", "Nordkap", "Garden", 5400, 16, "Five litres, balanced when full.", "The long spout reaches the back row, and the rose gives rain rather than a flood."},
		{21, "pots", "Terracotta pots", "Kiln & Co.", "Garden", 2600, 28, "Three, frost-proof, with saucers.", "Fired hot enough to stay outside. Moss comes by itself."},
		{22, "wrenhouse", "Wren house", "Wren Works", "Garden", 3800, 20, "Larch, with a 32 mm door.", "The size that lets wrens in and keeps sparrows out. The roof lifts for cleaning in the autumn."},
		{23, "notebook", "Field notebook", "Paper Loft", "Desk", 1600, 75, "192 pages, lies flat, dotted.", "Thread-bound, with a cover of book cloth that takes rain for as long as it takes to reach a porch."},
		{24, "pencils", "Six pencils", "Paper Loft", "Desk", 1200, 90, "Cedar, 2B, unpainted.", "They smell as pencils did at school. There is a small tin for the stubs."},
	}
}
