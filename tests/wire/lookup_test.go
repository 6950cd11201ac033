package wire

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/gatehousehq/gatehouse/data/sqlgate/pgwire"
)

func TestOwner_KeyedLookUp(t *testing.T) {
	d := server(t)
	d.fresh(t, "wire")
	d.superuser(t, "wire", `create schema "Odd"; create table "Odd"."a""b" ("Key" uuid primary key, "who;" text);
grant usage on schema "Odd" to owner; grant select on "Odd"."a""b" to owner;
insert into "Odd"."a""b" values ('00000000-0000-0000-0000-0000000000ab', 'ann');
create table hidden (id int, who text); insert into hidden values (1, 'x');
create table many (id int, who int); insert into many select 1, i from generate_series(1, 100) i; insert into many values (2, null), (3, 7), (3, 8); grant select on many to owner`)
	g := d.gated(t, "wire").gate
	for _, c := range []struct {
		l    pgwire.Lookup
		want string
	}{
		{pgwire.Lookup{Table: "many", Column: "who", Key: "id", Value: "3"}, "[7 8] ok"},
		{pgwire.Lookup{Table: "public.many", Column: "who", Key: "id", Value: "4"}, "[] ok"},
		{pgwire.Lookup{Table: "many", Column: "who", Key: "id", Value: "2"}, "[] ok"},
		{pgwire.Lookup{Table: "many", Column: "who", Key: "id", Value: "1"}, "[] error"},
		{pgwire.Lookup{Table: "many", Column: "who", Key: "id", Value: "3 or true"}, "[] error"},
		{pgwire.Lookup{Table: "many", Column: "who", Key: "id", Value: "3"}, "[7 8] ok"}, // and goes on
		{pgwire.Lookup{Table: `Odd.a"b`, Column: "who;", Key: "Key", Value: "00000000-0000-0000-0000-0000000000AB"}, "[ann] ok"},
		{pgwire.Lookup{Table: "hidden", Column: "who", Key: "id", Value: "1"}, "[] error"},
		{pgwire.Lookup{Table: "nowhere", Column: "who", Key: "id", Value: "1"}, "[] no column"},
		{pgwire.Lookup{Table: "many", Column: "who FROM hidden --", Key: "id", Value: "1"}, "[] no column"},
		{pgwire.Lookup{Table: "many", Column: "who", Key: `id" = id or "id`, Value: "1"}, "[] no column"},
		{pgwire.Lookup{Table: "many", Column: "who", Key: "id", Value: "1\x00"}, "[] no column"},
		{pgwire.Lookup{User: "nobody", Table: "many", Column: "who", Key: "id", Value: "3"}, "[] error"},
	} {
		if c.l.User == "" {
			c.l.User = owner
		}
		c.l.Database = "wire"
		got, err := g.Owner(t.Context(), c.l)
		how := "ok"
		switch {
		case errors.Is(err, pgwire.ErrNoColumn):
			how = "no column"
		case err != nil:
			how = "error"
		}
		if s := fmt.Sprint(got, " ", how); s != c.want {
			t.Errorf("%+v: got %s, want %s: %v", c.l, s, c.want, err)
		}
	}
}

// Look-ups at once use two connections, and one that waits too long gives up.
func TestOwner_ManyAtOnce_TakeTurns(t *testing.T) {
	d := server(t)
	d.fresh(t, "wire")
	d.superuser(t, "wire", "create table many (id int primary key, who int); insert into many select i, i from generate_series(1, 100) i; grant all on many to owner")
	g := d.gated(t, "wire").gate
	look := func(ctx context.Context, id int) ([]string, error) {
		return g.Owner(ctx, pgwire.Lookup{User: owner, Database: "wire", Table: "many", Column: "who", Key: "id", Value: fmt.Sprint(id)})
	}
	var wg sync.WaitGroup
	for i := 1; i <= 50; i++ {
		wg.Go(func() {
			if got, err := look(t.Context(), i); err != nil || fmt.Sprint(got) != fmt.Sprintf("[%d]", i) {
				t.Errorf("%d: got %v, %v", i, got, err)
			}
		})
	}
	wg.Wait()
	if n := d.ask(t, "wire", "select count(*) from pg_stat_activity where application_name = 'gatehouse owners'"); n != "2" && n != "1" {
		t.Errorf("there are %s connections", n)
	}
	lock := dial(t, d.bare("wire"))
	if _, err := lock.Exec(t.Context(), "begin; lock table many").ReadAll(); err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	if got, err := look(t.Context(), 1); err == nil || time.Since(start) > 5*time.Second {
		t.Errorf("a look-up that cannot go on gave %v after %v", got, time.Since(start))
	}
	if _, err := lock.Exec(t.Context(), "rollback").ReadAll(); err != nil {
		t.Fatal(err)
	}
	if got, err := look(t.Context(), 1); err != nil || len(got) != 1 {
		t.Errorf("after it, got %v, %v", got, err)
	}
}
