package sqli

import "testing"

func TestDiffers(t *testing.T) {
	for _, c := range []struct {
		benign, attacked string
		want, names      bool
	}{
		{"select 1 where a='x'", "select 2  where a = $$y$$ -- z", false, false},
		{"select 1 where a='x'", "select 1 where a='x' or 1=1", true, true},
		{"select 1 where a in (1,2)", "select 1 where a in (1,2,3,'4')", false, false},
		{"select 1 where a in (1,2)", "select 1 where a in (1,(select 2))", true, true},
		{"select 1 where a = any(array[1,2])", "select 1 where a = any(array[1])", false, false},
		{"insert into t values (1,'a')", "insert into t values (1,'a'),(2,'b')", true, true},
		{"insert into t values (1,'a')", "insert into t values (-1,null)", false, false},
		{"select 1 from t order by a", "select 1 from t order by b desc", true, false},
		{"select 1 from t order by a", "select 1 from t order by 2", true, false},
		{"select 1 from t order by a", "select 1 from t order by a, b", true, true},
		{"select 1 from t order by a", "select 1 from t order by (select 1)", true, true},
		{"select a from t", "select b from u", true, false},
		{"select a from t", "select a from t; drop table t", true, true},
		{"/* x */ select a from t", "/* x */ select a from t", false, false},
		{"select a from t limit 1", "select a from t limit 20", false, false},
		{"update t set a=1", "update u set a=2", true, false},
	} {
		if got, err := Differs(c.benign, c.attacked); err != nil || got != c.want {
			t.Errorf("Differs(%q, %q) = %v, %v; want %v", c.benign, c.attacked, got, err, c.want)
		}
		if got, err := DiffersBeyondNames(c.benign, c.attacked); err != nil || got != c.names {
			t.Errorf("DiffersBeyondNames(%q, %q) = %v, %v; want %v", c.benign, c.attacked, got, err, c.names)
		}
	}
	if _, err := Differs("select 1", "select 'x"); !broken(err) {
		t.Errorf("an unclosed quote gave the error %v, want one that says the attacked statement is broken", err)
	}
	if _, err := Differs("select 'x", "select 1"); err == nil || broken(err) {
		t.Errorf("a benign statement with an unclosed quote gave the error %v, want one about the benign statement", err)
	}
}

func BenchmarkDiffers(b *testing.B) {
	for b.Loop() {
		Differs("select id, name, price from products p join cats c on c.id = p.cat where a='x' and b = 2 order by c.name limit 10", "select id, name, price from products p join cats c on c.id = p.cat where a='x' union select 1, 2, 3 from users -- and b = 2 order by c.name limit 10")
	}
}
