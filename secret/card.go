package secret

import "strings"

// redactCards replaces payment card numbers: the brands' prefixes and lengths,
// the usual grouping, a valid check digit (ISO/IEC 7812-1), and no letter,
// digit or decimal point beside it.
func redactCards(s string) string {
	var out strings.Builder
	done := 0
	for i := 0; i < len(s); {
		if charKind(s[i]) != '0' {
			i++
			continue
		}
		end := digitRun(s, i)
		if cardStands(s, i, end) && isCard(s[i:end]) {
			out.WriteString(s[done:i])
			out.WriteString(Mark)
			done = end
		}
		i = end
	}
	if done == 0 {
		return s
	}
	out.WriteString(s[done:])
	return out.String()
}

// digitRun is where the digits from i end, with single spaces or dashes
// between them.
func digitRun(s string, i int) int {
	for ; i < len(s); i++ {
		separator := (s[i] == ' ' || s[i] == '-') && i+1 < len(s) && charKind(s[i+1]) == '0'
		if charKind(s[i]) != '0' && !separator {
			break
		}
	}
	return i
}

// cardStands reports whether the run stands by itself, and is not part of an
// identifier or a decimal number.
func cardStands(s string, from, to int) bool {
	joins := func(c byte) bool {
		return charKind(c) != 0 || c == '_' || c == '.' || c == '-' || c == '/' || c >= 0x80
	}
	if from > 0 && joins(s[from-1]) {
		return false
	}
	if to < len(s) && (charKind(s[to]) != 0 || s[to] == '_' || s[to] == '-') {
		return false
	}
	return to+1 >= len(s) || s[to] != '.' || charKind(s[to+1]) == 0
}

// groupings are how card numbers are printed, by the lengths of their groups.
var groupings = map[string]bool{"4444": true, "465": true, "464": true, "44443": true}

func isCard(run string) bool {
	if len(run) < 14 || len(run) > 23 {
		return false
	}
	digits := strings.NewReplacer(" ", "", "-", "").Replace(run)
	if len(digits) != len(run) && !grouped(run) {
		return false
	}
	return brand(digits) && luhn(digits)
}

func grouped(run string) bool {
	if strings.Contains(run, " ") && strings.Contains(run, "-") {
		return false
	}
	var lengths strings.Builder
	for _, group := range strings.FieldsFunc(run, func(r rune) bool { return r == ' ' || r == '-' }) {
		if len(group) > 9 {
			return false
		}
		lengths.WriteByte('0' + byte(len(group)))
	}
	return groupings[lengths.String()]
}

// brands are the issuers' first digits, as ranges of equal length, with the
// lengths of their numbers.
var brands = []struct{ from, to, lengths string }{
	{"4", "4", "16 19"},         // Visa
	{"51", "55", "16"},          // Mastercard
	{"2221", "2720", "16"},      // Mastercard
	{"34", "34", "15"},          // American Express
	{"37", "37", "15"},          // American Express
	{"6011", "6011", "16 19"},   // Discover
	{"644", "659", "16 19"},     // Discover
	{"62", "62", "16 17 18 19"}, // UnionPay
	{"3528", "3589", "16"},      // JCB
	{"300", "305", "14"},        // Diners Club
	{"36", "36", "14"},          // Diners Club
	{"38", "39", "14"},          // Diners Club
}

func brand(digits string) bool {
	for _, b := range brands {
		if start := digits[:len(b.from)]; start >= b.from && start <= b.to {
			return strings.Contains(b.lengths, string([]byte{'0' + byte(len(digits)/10), '0' + byte(len(digits)%10)}))
		}
	}
	return false
}

func luhn(digits string) bool {
	sum := 0
	for i := range len(digits) {
		d := int(digits[len(digits)-1-i] - '0')
		if i%2 == 1 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
	}
	return sum%10 == 0
}
