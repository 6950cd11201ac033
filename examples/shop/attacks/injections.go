package attacks

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/gatehousehq/gatehouse/examples/shop"
)

const sqlInjection = "SQL injection"

func injections() []Case {
	guard := []string{"data/guard", "application/rules"}
	return []Case{
		{ID: "sqli-login", Title: "Sign in as the owner without a password", Class: sqlInjection, Stops: guard,
			Try: "{base}/login with the e-mail address  ingrid@wrenalder.example' --  and any password", Run: loginByForm},
		{ID: "sqli-login-json", Title: "The same through the JSON API", Class: sqlInjection, Stops: guard,
			Try: `curl {base}/api/session -d '{"email":"ingrid@wrenalder.example'\'' --","password":"x"}'`, Run: loginByJSON},
		{ID: "sqli-search", Title: "Read the users' password hashes through the search", Class: sqlInjection, Stops: guard,
			Try: "{base}/search?q=zz&category=' UNION SELECT id,'teapot',email,password,role,0,0,'','' FROM users --", Run: unionBySearch},
		{ID: "sqli-like", Title: "The same behind the beginning of a maker's name", Class: sqlInjection, Stops: guard,
			Try: "{base}/api/products?maker=zz%' UNION SELECT id,'teapot',email,password,role,0,0,'','' FROM users --", Run: unionByLike},
		{ID: "sqli-number", Title: "Read a password hash through a product's number", Class: sqlInjection, Stops: guard,
			Try: "{base}/products/0 UNION SELECT id,'teapot',email,password,role,0,0,'','' FROM users WHERE id=1", Run: unionByNumber},
		{ID: "sqli-blind", Title: "Guess a password hash by yes and no", Class: sqlInjection, Stops: guard,
			Try: "{base}/api/products/7 AND (SELECT substr(password,1,1) FROM users WHERE id=1) < '8'  (found or not found is the answer)", Run: blindByNumber},
		{ID: "sqli-order-by", Title: "Guess a password hash by the order of the catalogue", Class: sqlInjection, Stops: guard,
			Try: "{base}/catalogue?sort=CASE WHEN (SELECT substr(password,1,1) FROM users WHERE id=1) < '8' THEN id ELSE -id END", Run: blindByOrder},
		{ID: "sqli-second-order", Title: "Read a password hash through one's own nickname", Class: sqlInjection, Stops: []string{"data/guard"},
			Try: "{base}/profile: sign reviews as  x' UNION SELECT id,password,1,role FROM users --  and look at {base}/account", Run: secondOrder},
		{ID: "sqli-cookie", Title: "Read a password hash through a cookie", Class: sqlInjection, Stops: guard,
			Try: `curl {base}/products/1 -H "Cookie: wren_seen=0) UNION SELECT id,'teapot',email,password,role,0,0,'','' FROM users WHERE id IN (1"`, Run: unionByCookie},
		{ID: "sqli-stacked", Title: "Make oneself an admin behind a semicolon", Class: sqlInjection, Stops: guard,
			Try: `curl {base}/reviews/helpful --data-urlencode "review=0; UPDATE users SET role='admin' WHERE email='YOU'"`, Run: stacked},
	}
}

func owner() shop.Account { return shop.Accounts()[0] }

// ownersHash is what only the shop's database should know.
func ownersHash() string {
	sum := md5.Sum([]byte(owner().Password))
	return hex.EncodeToString(sum[:])
}

func disclosed(r *reply) (Result, error) {
	return judged(r, r.has(ownersHash()), "the owner's password hash was in the answer", "the owner's password hash was not in the answer")
}

// entersOffice tells whether the visitor can see the back office now.
func (v *visitor) entersOffice(ctx context.Context) (Result, error) {
	r, err := v.get(ctx, "/admin")
	if err != nil {
		return Result{}, err
	}
	return judged(r, r.status == http.StatusOK && r.has(`id="takings"`), "the back office is open", "the back office stays closed")
}

func loginByForm(ctx context.Context, t *Target) (Result, error) {
	v := newVisitor(t)
	if _, err := v.post(ctx, "/login", "email", owner().Email+"' --", "password", "x"); err != nil {
		return Result{}, err
	}
	return v.entersOffice(ctx)
}

func loginByJSON(ctx context.Context, t *Target) (Result, error) {
	v := newProgram(t)
	if _, err := v.sendJSON(ctx, http.MethodPost, "/api/session", map[string]string{"email": owner().Email + "' --", "password": "x"}); err != nil {
		return Result{}, err
	}
	return v.entersOffice(ctx)
}

const unionOfUsers = "UNION SELECT id,'teapot',email,password,role,0,0,'','' FROM users"

func unionBySearch(ctx context.Context, t *Target) (Result, error) {
	r, err := newVisitor(t).get(ctx, "/search?"+query("q", "zz", "category", "' "+unionOfUsers+" --"))
	if err != nil {
		return Result{}, err
	}
	return disclosed(r)
}

func unionByLike(ctx context.Context, t *Target) (Result, error) {
	r, err := newProgram(t).get(ctx, "/api/products?"+query("maker", "zz%' "+unionOfUsers+" --"))
	if err != nil {
		return Result{}, err
	}
	return disclosed(r)
}

func unionByNumber(ctx context.Context, t *Target) (Result, error) {
	r, err := newVisitor(t).get(ctx, "/products/"+url.PathEscape("0 "+unionOfUsers+" WHERE id=1"))
	if err != nil {
		return Result{}, err
	}
	return disclosed(r)
}

func unionByCookie(ctx context.Context, t *Target) (Result, error) {
	v := newVisitor(t)
	r, err := v.send(ctx, ask{method: http.MethodGet, path: "/products/1", header: map[string]string{"Cookie": "wren_seen=0) " + unionOfUsers + " WHERE id IN (1"}})
	if err != nil {
		return Result{}, err
	}
	return disclosed(r)
}

// guess finds the first letters of the owner's hash by asking, for each, four
// questions that are answered with yes or no.
func guess(letters int, yes func(condition string) (*reply, bool, error)) (Result, error) {
	const digits = "0123456789abcdef"
	found, last := "", &reply{}
	for i := range letters {
		low, high := 0, len(digits)
		for high-low > 1 {
			middle := (low + high) / 2
			condition := "(SELECT substr(password," + strconv.Itoa(i+1) + ",1) FROM users WHERE id=1) < '" + digits[middle:middle+1] + "'"
			r, below, err := yes(condition)
			if err != nil {
				return Result{}, err
			}
			last = r
			if below {
				high = middle
			} else {
				low = middle
			}
		}
		found += digits[low : low+1]
	}
	return judged(last, strings.HasPrefix(ownersHash(), found), "the owner's password hash begins with "+found, "the answers tell nothing about the hash")
}

func blindByNumber(ctx context.Context, t *Target) (Result, error) {
	v := newProgram(t)
	return guess(3, func(condition string) (*reply, bool, error) {
		r, err := v.get(ctx, "/api/products/"+url.PathEscape("7 AND "+condition))
		return r, err == nil && r.status == http.StatusOK, err
	})
}

func blindByOrder(ctx context.Context, t *Target) (Result, error) {
	v := newVisitor(t)
	return guess(3, func(condition string) (*reply, bool, error) {
		r, err := v.get(ctx, "/catalogue?"+query("sort", "CASE WHEN "+condition+" THEN id ELSE -id END"))
		if err != nil {
			return nil, false, err
		}
		_, first, _ := strings.Cut(string(r.body), `data-product="`)
		return r, strings.HasPrefix(first, `1"`), nil
	})
}

func secondOrder(ctx context.Context, t *Target) (Result, error) {
	v, err := signUp(ctx, t, "a nickname to remember")
	if err != nil {
		return Result{}, err
	}
	nickname := "x' UNION SELECT id,password,1,role FROM users WHERE id=1 --"
	if _, err := v.post(ctx, "/profile", "name", v.name, "nickname", nickname); err != nil {
		return Result{}, err
	}
	r, err := v.get(ctx, "/account")
	if err != nil {
		return Result{}, err
	}
	return disclosed(r)
}

func stacked(ctx context.Context, t *Target) (Result, error) {
	v, err := signUp(ctx, t, "one more statement")
	if err != nil {
		return Result{}, err
	}
	if _, err := v.post(ctx, "/reviews/helpful", "product", "1", "review", "0; UPDATE users SET role='admin' WHERE email='"+v.email+"'"); err != nil {
		return Result{}, err
	}
	return v.entersOffice(ctx)
}
