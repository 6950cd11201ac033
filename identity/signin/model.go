package signin

import (
	"cmp"
	"fmt"
	"hash/maphash"
	"math/bits"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

// An Outcome is what became of an attempt. The zero value is Unsure, which no
// caller may take for a success.
type Outcome uint8

const (
	// Unsure: it can't be told.
	Unsure Outcome = iota
	// Failure: the secret was wrong, the account unknown, or the form refused.
	Failure
	// Success: the client is signed in, or has what it asked for.
	Success
	// Halfway: the password was right, and a second factor is asked for.
	Halfway
	// Unjudged: the backend failed itself, and judged nothing.
	Unjudged
)

var outcomeNames = [...]string{Unsure: "unsure", Failure: "failure", Success: "success", Halfway: "halfway", Unjudged: "unjudged"}

func (o Outcome) String() string {
	if int(o) < len(outcomeNames) {
		return outcomeNames[o]
	}
	return fmt.Sprintf("Outcome(%d)", uint8(o))
}

// A Verdict is what a Model makes of an answer.
type Verdict struct {
	Outcome Outcome
	// Score is how surely: 3 and more is a success, -3 and less a failure.
	Score int
	// Why is what spoke for and against it, for a person.
	Why string
	// Binds is set where a success says whose the session is: one account was
	// named, in the field in which sign-ins of this route ordinarily name it.
	Binds bool
	// Registers is the account that a sign-up made and signed in, for all that the
	// answer says. Empty where that can't be told, and for every other attempt. The
	// caller has to know that the account was not there before, and that the answer
	// gives a session as only sign-ins do.
	Registers string
	// Shape names the answer's form: the same for answers that differ in what is
	// a person's own, and another one where a word does. Zero where the backend
	// judged nothing.
	Shape uint64
}

// ModelOptions configure a Model.
type ModelOptions struct {
	// Now is the clock. Nil means time.Now.
	Now func() time.Time
	// MaxRoutes bounds the routes that are learned of. Zero means 256.
	MaxRoutes int
}

const (
	// sure is the score from which an answer is told.
	sure = 3
	// teaches is the score, without what was learned, from which an answer
	// teaches what answers of its shape are.
	teaches = 5
	// maxShapes bounds the shapes of one route.
	maxShapes = 32
	// maxFields bounds the account fields of one route.
	maxFields = 8
	// near is how many bits two similar texts differ in. Of 64: unrelated texts
	// differ in 32, two pages of one template in fewer than 8.
	near = 8
	// maxVotes is where votes are halved, so that a site that was changed is
	// learned anew.
	maxVotes = 512
)

// A Model tells how attempts ended. It may be used by many at once. What it has
// learned does not outlive the process: ordinary answers are told without.
type Model struct {
	now       func() time.Time
	maxRoutes int
	seed      maphash.Seed

	mu     sync.Mutex
	routes map[string]*profile
	recent recent
}

// A profile is what was learned of one route.
type profile struct {
	shapes []*shape
	fields []field
	used   time.Time
	// sameForTaken is set where a sign-up was seen to answer alike for names that
	// are taken.
	sameForTaken bool
}

// A shape is answers that are alike.
type shape struct {
	status  int
	target  string
	cookies uint64
	text    uint64
	// succeeded and failed are votes: of answers that told it themselves, two
	// each; of what people did next, one.
	succeeded, failed int
	// contradicted is how often two passwords of one account had it as a success.
	contradicted int
}

// A field is where successful sign-ins named their account.
type field struct {
	at    string
	count int
}

// NewModel checks the options.
func NewModel(o ModelOptions) (*Model, error) {
	if o.MaxRoutes < 0 {
		return nil, fmt.Errorf("signin: ModelOptions.MaxRoutes is %d: want a positive number", o.MaxRoutes)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	m := &Model{now: o.Now, maxRoutes: cmp.Or(o.MaxRoutes, 256), seed: maphash.MakeSeed(), routes: map[string]*profile{}}
	m.recent.last = map[uint64]*tried{}
	return m, nil
}

// Judge says how the attempt of r ended, and learns from it. The answer is as the
// backend sent it.
func (m *Model) Judge(r *http.Request, a Attempt, answer Answer) Verdict {
	if answer.Status >= 500 || answer.Status < 200 {
		return Verdict{Outcome: Unjudged, Why: fmt.Sprintf("the backend answered %d", answer.Status)}
	}
	if a.Kind == SignOut {
		return signedOut(r, a, answer, m.now())
	}
	e := reader{attempt: &a, request: r, answer: answer}
	if a.AccountAt.Name == "Authorization" {
		e.basic()
	} else {
		e.read()
	}
	own := e.total()
	m.mu.Lock()
	defer m.mu.Unlock()
	p := m.profile(a, answer.Status)
	if p == nil {
		return e.verdict(own, 0)
	}
	s, words := p.shapeOf(&e)
	m.watch(a, p, s, own)
	if learned := s.learned(); learned != 0 {
		e.say(learned, fmt.Sprintf("of answers like this, %d of %d were successes", s.succeeded, s.succeeded+s.failed))
	}
	if total := e.total(); total >= sure && s.doubtful() {
		e.say(sure-1-total, "different passwords for one account were answered like this")
	}
	v := e.verdict(e.total(), m.name(s, words))
	switch {
	case own >= teaches && !e.more:
		s.vote(2, 0)
	case own <= -teaches:
		s.vote(0, 2)
	}
	switch {
	case v.Outcome != Success:
	case a.Kind == SignUp && !p.sameForTaken:
		v.Registers = p.registers(&e)
	default:
		v.Binds = p.binds(&a)
	}
	return v
}

// verdict says what a score means.
func (e *reader) verdict(score int, shape uint64) Verdict {
	v := Verdict{Score: score, Shape: shape, Why: e.why()}
	switch {
	case e.more && e.attempt.Kind != SecondFactor:
		v.Outcome = Halfway
	case score >= sure:
		v.Outcome = Success
	case score <= -sure:
		v.Outcome = Failure
	}
	return v
}

func (e *reader) why() string {
	slices.SortStableFunc(e.found, func(a, b evidence) int { return cmp.Compare(abs(b.points), abs(a.points)) })
	var out strings.Builder
	for i, f := range e.found {
		if i > 0 {
			out.WriteString("; ")
		}
		fmt.Fprintf(&out, "%s (%+d)", f.words, f.points)
	}
	if out.Len() == 0 {
		return "nothing in the answer tells"
	}
	return out.String()
}

func abs(n int) int { return max(n, -n) }

// basic reads the answer to a request that brings its password each time: what
// is no 401 was let in.
func (e *reader) basic() {
	if e.answer.Status == http.StatusUnauthorized {
		e.say(-9, "the status is "+http.StatusText(http.StatusUnauthorized))
		return
	}
	if e.answer.Status < 400 {
		e.say(6, "the credentials were taken")
	}
}

// signedOut says whether an answer ended a session. A link, and a page that is
// named after it, may only be about it, or ask whether to: then the answer must
// show that it did.
func signedOut(r *http.Request, a Attempt, answer Answer, now time.Time) Verdict {
	v := Verdict{Outcome: Failure, Score: -sure, Why: "the answer does not end a session"}
	ended := a.Declared || r.Method == http.MethodDelete ||
		r.Method != http.MethodGet && has(joined(wordsOf(nil, firstBytes(r.URL.Path, maxNormalised))), signOutWords) ||
		r.Method == http.MethodGet && left(r, a, answer)
	for _, c := range SetCookies(answer.Header, now) {
		// Of links, some backends renew the session at each.
		ended = ended || !NotSession(c.Name) && (c.Deleted || r.Method != http.MethodGet && SessionName(c.Name))
	}
	if answer.Status < 400 && ended {
		v = Verdict{Outcome: Success, Score: sure, Why: "the path says that it signs out, and the answer does"}
	}
	return v
}

// left reports whether the answer to a link sends who follows it away, or shows
// the pages of who is not signed in.
func left(r *http.Request, a Attempt, answer Answer) bool {
	if location, err := url.Parse(answer.Header.Get("Location")); answer.Status >= 300 {
		return err == nil && answer.Status != http.StatusNotModified && !has(spoken(r.URL.ResolveReference(location).Path), signOutWords)
	}
	p := scan(string(answer.Body[:min(len(answer.Body), MaxBody)]))
	low := strings.ToLower(p.text)
	return a.SignedIn && !p.signOut && (p.passwords > 0 || slices.ContainsFunc(farewells[:], func(s string) bool { return strings.Contains(low, s) }))
}

var farewells = [...]string{"logged out", "signed out", "logged off", "signed off", "abgemeldet", "déconnecté"}

// profile finds what is known of the attempt's route, or begins it where the
// backend has such a route. The caller holds mu.
func (m *Model) profile(a Attempt, status int) *profile {
	p := m.routes[a.Route]
	if p == nil {
		if status == http.StatusNotFound || status == http.StatusMethodNotAllowed || len(a.Route) > maxNormalised {
			return nil
		}
		if len(m.routes) >= m.maxRoutes {
			m.forget()
		}
		p = &profile{}
		m.routes[strings.Clone(a.Route)] = p
	}
	p.used = m.now()
	return p
}

// forget drops the route that was learned least of, and of those the one that was
// used longest ago.
func (m *Model) forget() {
	least, found := "", (*profile)(nil)
	for name, p := range m.routes {
		if found == nil || p.learned() < found.learned() || p.learned() == found.learned() && p.used.Before(found.used) {
			least, found = name, p
		}
	}
	delete(m.routes, least)
}

func (p *profile) learned() (n int) {
	for _, s := range p.shapes {
		n += s.succeeded + s.failed
	}
	return n
}

// shapeOf finds the shape that the answer has, or begins one, and gives a hash of
// the answer's words.
func (p *profile) shapeOf(e *reader) (found *shape, words uint64) {
	is := shape{status: e.answer.Status, target: firstBytes(e.target, 128), cookies: cookieNames(e.answer.Header)}
	is.text, words = similarity(e.answer, e.attempt.Account)
	var least *shape
	for _, s := range p.shapes {
		if s.status == is.status && s.target == is.target && s.cookies == is.cookies && bits.OnesCount64(s.text^is.text) <= near {
			return s, words
		}
		if least == nil || s.succeeded+s.failed < least.succeeded+least.failed {
			least = s
		}
	}
	if len(p.shapes) < maxShapes {
		p.shapes = append(p.shapes, &is)
		return &is, words
	}
	*least = is
	return least, words
}

// learned is what the shape's votes say, in points. Few votes, and those that
// contradict each other, say nothing.
func (s *shape) learned() int {
	n := s.succeeded + s.failed
	if n < 6 {
		return 0
	}
	return 5 * (s.succeeded - s.failed) / n
}

// doubtful reports whether answers of the shape can't be successes, whatever they
// look like: no backend takes one password after the other. People who change
// theirs contradict too, now and then.
func (s *shape) doubtful() bool { return s.contradicted >= 3 && s.contradicted*20 >= s.succeeded }

func (s *shape) vote(succeeded, failed int) {
	s.succeeded += succeeded
	s.failed += failed
	if s.succeeded+s.failed > maxVotes {
		s.succeeded /= 2
		s.failed /= 2
		s.contradicted /= 2
	}
}

// name is a number for an answer of the shape with these words, the same for as
// long as the process lives.
func (m *Model) name(s *shape, words uint64) uint64 {
	var h maphash.Hash
	h.SetSeed(m.seed)
	fmt.Fprintf(&h, "%d %s %x %x", s.status, s.target, s.cookies, words)
	return h.Sum64() | 1
}

// binds notes where a success named its account, and reports whether it may be
// believed.
func (p *profile) binds(a *Attempt) bool {
	if a.Kind != SignIn || a.Ambiguous || a.Batch {
		return false
	}
	at := a.AccountAt.String()
	if a.Account == "" {
		at = ""
	}
	usual := p.usual(at)
	return a.Account != "" && (a.Declared || usual && (a.Named || p.contrasts()))
}

// usual counts where a success named its account, and reports whether a quarter of
// the route's named it there. Somebody who acts as himself can name another in a
// field that the backend does not read.
func (p *profile) usual(at string) bool {
	total, mine := 0, 0
	i := slices.IndexFunc(p.fields, func(f field) bool { return f.at == at })
	switch {
	case i >= 0 && p.fields[i].count < maxVotes:
		p.fields[i].count++
	case i < 0 && len(p.fields) < maxFields:
		i = len(p.fields)
		p.fields = append(p.fields, field{strings.Clone(at), 1})
	}
	for j, f := range p.fields {
		total += f.count
		if j == i {
			mine = f.count
		}
	}
	return mine*4 >= total
}

// contrasts reports whether the route was seen to take some and refuse others,
// as a sign-in does.
func (p *profile) contrasts() bool {
	took, refused := 0, 0
	for _, s := range p.shapes {
		if s.succeeded > s.failed {
			took += s.succeeded
		} else {
			refused += s.failed
		}
	}
	return took >= 6 && refused >= 6
}
