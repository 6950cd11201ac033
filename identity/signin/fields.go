package signin

import (
	"net/http"
	"slices"
	"strings"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/input"
	"github.com/gatehousehq/gatehouse/secret"
)

// fields are the inputs of a request by what they are to an attempt.
type fields struct {
	caseSensitive bool
	// accounts are the names of the surest sort found; ranks are theirs.
	accounts                                     []named
	passwords, news, olds, strong, weak, coupons []input.Input
	cards                                        bool
	// others counts the fields that are none of these.
	others int
	// prose is set where one of those is a text that somebody wrote.
	prose bool
	// batch is set where there are more than a person's request has.
	batch bool
}

type named struct {
	input.Input
	name string
	rank int
}

// maxFound bounds the fields of one sort.
const maxFound = 16

const (
	// cutOff ends the name of a place where a body has so many that package input
	// names no more: then the member's own name, which stands before its value, has
	// to do. Else a client could hide a password behind 2,048 other members.
	cutOff = "…"
	// maxName is how much of a member's name is looked at.
	maxName = 128
)

// told is what a name says of its field.
type told struct {
	name string
	role role
	rank int
}

// toldNames remembers what names say: a body has many inputs of few names.
type toldNames struct {
	few  [8]told
	n    int
	many map[string]told
}

func (k *toldNames) of(name string) told {
	for i := range k.few[:k.n] {
		if k.few[i].name == name {
			return k.few[i]
		}
	}
	t, ok := k.many[name]
	if ok {
		return t
	}
	t.name = name
	t.role, t.rank = roleOf(name[:min(len(name), maxName)])
	switch {
	case k.n < len(k.few):
		k.few[k.n] = t
		k.n++
	case len(k.many) < 256:
		if k.many == nil {
			k.many = make(map[string]told)
		}
		k.many[name] = t
	}
	return t
}

func (f *Finder) fields(in *input.Inputs) *fields {
	all := &fields{caseSensitive: f.caseSensitive}
	if in == nil {
		return all
	}
	var known toldNames
	key := ""
	for _, part := range [...][]input.Input{in.Query(), in.Body()} {
		for _, i := range part {
			name := i.Place.Name
			switch i.Place.Kind {
			case gatehouse.Query, gatehouse.Form, gatehouse.Multipart:
			case gatehouse.JSON:
				if strings.HasSuffix(name, cutOff) {
					name = key
				}
			case gatehouse.GraphQL:
				// A value in the document; those of variables are members. One
				// document can hold many fields, and so many guesses, under aliases.
				name = argument(name)
			case gatehouse.Key:
				key = i.Value
				continue
			default:
				continue
			}
			t := known.of(name)
			all.add(i, t.role, t.rank)
		}
	}
	return all
}

// argument is what a value is called that stands at an argument, such as
// "Mutation.login(input.email)".
func argument(place string) string {
	name := strings.TrimSuffix(strings.TrimSuffix(place, ")"), "[]")
	return name[strings.LastIndexAny(name, ".(@]")+1:]
}

func (all *fields) add(i input.Input, as role, rank int) {
	if i.Value == "" && as != password {
		return
	}
	to := &all.passwords
	switch as {
	case password:
	case newPassword:
		to = &all.news
	case oldPassword:
		to = &all.olds
	case strongCode:
		to = &all.strong
	case weakCode:
		to = &all.weak
	case coupon:
		to = &all.coupons
	case card:
		all.cards = true
		return
	case account:
		all.account(i, rank)
		return
	default:
		all.others++
		all.prose = all.prose || strings.Count(i.Value, " ") >= 3
		return
	}
	if len(*to) >= maxFound {
		all.batch = true
		return
	}
	*to = append(*to, i)
}

// buttons are what a field called "login" holds where it is the form's button.
var buttons = set(`login log in sign signin submit ok yes true false on off 1 0 go enter continue next anmelden connexion entrar acceder weiter account`)

func (all *fields) account(i input.Input, rank int) {
	if rank < 5 {
		words := wordsOf(nil, i.Value)
		if len(words) > 0 && !slices.ContainsFunc(words, func(w string) bool { return !buttons[w] }) {
			return
		}
	}
	name := normalised(i.Value, !all.caseSensitive)
	if name == "" {
		return
	}
	if len(all.accounts) >= maxFound {
		all.batch = true
		return
	}
	all.accounts = append(all.accounts, named{i, name, rank})
}

// pick calls with the inputs of a declared field.
func (all *fields) pick(in *input.Inputs, name string, with func(input.Input)) {
	if in == nil {
		return
	}
	for _, part := range [...][]input.Input{in.Query(), in.Body()} {
		for _, i := range part {
			if i.Place.Kind != gatehouse.Key && i.Place.Name == name {
				with(i)
			}
		}
	}
}

// judge says what the fields and the path's words make of the request.
func (all *fields) judge(r *http.Request, said []string) Attempt {
	unsafe := r.Method != http.MethodGet
	if len(all.passwords) == 0 && (has(said, signOutWords) && !asset(r) || r.Method == http.MethodDelete && lastIn(said, signInWords)) {
		return all.named(SignOut, nil, "the path says that it signs out")
	}
	if n := len(all.passwords); n > 0 {
		if !unsafe && !all.inQuery() {
			return Attempt{}
		}
		return all.withPassword(said)
	}
	switch {
	case len(all.news) > 0:
		return all.withNewPassword(said)
	case !unsafe:
		return Attempt{}
	}
	return all.withoutPassword(said)
}

// asset reports whether a file is asked for, such as a picture of a door.
func asset(r *http.Request) bool {
	dot := strings.LastIndexByte(r.URL.Path, '.')
	return r.Method == http.MethodGet && dot >= 0 && assets[strings.ToLower(r.URL.Path[dot+1:])]
}

var assets = set(`css js mjs map png jpg jpeg gif svg webp avif ico woff woff2 ttf txt json xml pdf mp4 webm`)

func (all *fields) inQuery() bool {
	at := all.passwords[0].Place
	return len(all.accounts) > 0 && (at.Kind == gatehouse.Query || at.Kind == gatehouse.GraphQL)
}

func (all *fields) withPassword(said []string) Attempt {
	up, in, back := has(said, signUpWords), has(said, signInWords), has(said, recoveryWords)
	confirmed := all.repeated()
	switch {
	case len(all.olds) > 0, len(all.news) > 0 && !confirmed && len(all.accounts) == 0 && !back:
		// A password is changed: the one that is asked for is guessed at.
		return all.attempt(Confirm, slices.Concat(all.olds, all.passwords)[:1], "it asks for the password, and for a new one")
	case back && !in:
		return all.recovery()
	case up && !in, confirmed && (len(all.accounts) > 0 || all.others > 2):
		return all.marked(SignUp, up, "a password beside an account, for a new one")
	case confirmed:
		return all.recovery()
	case len(all.accounts) == 0 && !in:
		if has(said, confirmPath) {
			return all.named(Confirm, all.passwords, "a password alone, and the path says that it is asked again")
		}
		return all.attempt(SignIn, all.passwords, "a password alone")
	case has(said, usersWords) && !in && lastIn(said, usersWords):
		return all.marked(SignUp, true, "an account with a password is made")
	}
	why := "a password field beside an account field"
	if in {
		why += ", and the path says that it signs in"
	}
	return all.marked(SignIn, in, why)
}

// repeated reports whether the password is given twice, as people choose one.
func (all *fields) repeated() bool {
	for _, n := range all.news {
		if n.Value != "" && all.passwords[0].Value == n.Value || len(all.olds) == 0 && has(wordsOf(nil, n.Place.Name), confirmWords) {
			return true
		}
	}
	return false
}

func lastIn(words []string, in map[string]bool) bool {
	return len(words) > 0 && in[words[len(words)-1]]
}

func (all *fields) withNewPassword(said []string) Attempt {
	switch {
	case len(all.olds) > 0:
		return all.attempt(Confirm, all.olds, "it asks for the password, and for a new one")
	case len(all.accounts) > 0 && has(said, signUpWords):
		return all.named(SignUp, all.news, "a new password beside an account")
	}
	return all.recovery()
}

// recovery is the end of one: a token and a new password.
func (all *fields) recovery() Attempt {
	return all.named(Recovery, slices.Concat(all.strong, all.weak), "a new password, and a token that lets it be set")
}

func (all *fields) withoutPassword(said []string) Attempt {
	codes := codesOf(all.strong, looksLikeCode)
	switch {
	case all.cards:
		return Attempt{}
	case len(codes) > 0:
		return all.marked(SecondFactor, true, "a field for a one-time code")
	case len(all.coupons) > 0 && !has(said, signUpWords):
		return all.attempt(Coupon, all.coupons, "a field for a code that is worth something")
	}
	if codes = codesOf(all.weak, allDigits); len(codes) > 0 && (has(said, factorWords) || has(said, signInWords)) && all.others <= 4 {
		return all.marked(SecondFactor, has(said, factorWords), "a field for a code, and the path says what for")
	}
	if len(all.accounts) == 0 || all.others > 6 || all.prose {
		return Attempt{}
	}
	switch {
	case has(said, recoveryWords), lastIn(said, passwordWords):
		return all.named(Recovery, nil, "an account alone, and the path says that it is recovered")
	case has(said, nameFirst) && all.best() >= 3:
		return all.named(SignIn, nil, "an account alone, and the path says that it signs in")
	}
	return Attempt{}
}

func (all *fields) best() (best int) {
	for _, a := range all.accounts {
		best = max(best, a.rank)
	}
	return best
}

func codesOf(fields []input.Input, looks func(string) bool) (codes []input.Input) {
	for _, i := range fields {
		if looks(i.Value) {
			codes = append(codes, i)
		}
	}
	return codes
}

func (all *fields) named(k Kind, secrets []input.Input, why string) Attempt {
	a := all.attempt(k, secrets, why)
	a.Named = true
	return a
}

func (all *fields) marked(k Kind, named bool, why string) Attempt {
	secrets := all.passwords
	if k == SecondFactor {
		if secrets = codesOf(all.strong, looksLikeCode); len(secrets) == 0 {
			secrets = codesOf(all.weak, allDigits)
		}
	}
	a := all.attempt(k, secrets, why)
	a.Named = named
	return a
}

// attempt settles whom the attempt is about, and what it brings.
func (all *fields) attempt(k Kind, secrets []input.Input, why string) Attempt {
	a := Attempt{Kind: k, Why: why, Batch: all.batch}
	all.settleAccount(&a)
	first := map[string]string{}
	for _, i := range secrets {
		if a.SecretAt == (gatehouse.Place{}) {
			a.SecretAt = i.Place
		}
		if was, twice := first[i.Place.Name]; twice && !reading(was, i.Value) && structured(i.Place.Kind) {
			a.Ambiguous = true // a batch, or a member given twice
		} else if !twice {
			first[i.Place.Name] = i.Value
		}
		s := secret.Text(strings.Clone(i.Value))
		if slices.Contains(a.Secrets, s) {
			continue
		}
		if len(a.Secrets) == MaxSecrets {
			a.Batch = true
			break
		}
		a.Secrets = append(a.Secrets, s)
	}
	a.Readings = len(a.Secrets) > 1 && !structured(a.SecretAt.Kind) && !slices.ContainsFunc(secrets, func(i input.Input) bool {
		return i.Place != a.SecretAt || !spaced(secrets[0].Value, i.Value)
	})
	return a
}

// structured reports whether a place of this kind that stands twice was given
// twice, and is not read in two ways.
func structured(k gatehouse.PlaceKind) bool { return k == gatehouse.JSON || k == gatehouse.GraphQL }

// settleAccount takes the surest name. Other names that are as much an account's
// make the attempt ambiguous: which one the backend takes is not known.
func (all *fields) settleAccount(a *Attempt) {
	best := all.best()
	for _, n := range all.accounts {
		if n.rank != best && (n.rank < 3 || best >= 9) {
			continue
		}
		switch {
		case a.Account == "" && n.rank == best:
			a.Account, a.AccountAt = n.name, n.Place
		case n.name == a.Account || n.Place == a.AccountAt && reading(a.Account, n.name):
		case slices.Contains(a.Others, n.name):
		case len(a.Others) == MaxSecrets:
			a.Batch = true
		default:
			a.Others = append(a.Others, n.name)
			a.Ambiguous = true
		}
	}
	// One that came before the surest was found to be so.
	a.Others = slices.DeleteFunc(a.Others, func(o string) bool { return o == a.Account })
	if len(a.Others) == 0 && a.Ambiguous {
		a.Ambiguous = false
	}
}

// reading reports whether other is what a backend that reads forms differently
// makes of the same field: package input gives such readings too.
func reading(first, other string) bool {
	return strings.ReplaceAll(other, "+", " ") == first || strings.ReplaceAll(first, "+", " ") == other ||
		strings.ContainsRune(first, '%') && strings.ContainsRune(first, 'u')
}

// spaced reports whether two values differ in nothing but "+" for a space.
func spaced(a, b string) bool {
	return strings.ReplaceAll(a, "+", " ") == strings.ReplaceAll(b, "+", " ")
}
