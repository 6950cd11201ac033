package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"
)

func (g *globals) printJSON(v any) error {
	enc := json.NewEncoder(g.process.Stdout)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

// A style is how something is shown on a terminal.
type style string

const (
	bold   style = "1"
	faint  style = "2"
	red    style = "31"
	green  style = "32"
	yellow style = "33"
)

// paint colours s on a terminal, and leaves it alone elsewhere.
func (g *globals) paint(s string, st style) string {
	if _, no := g.process.LookupEnv("NO_COLOR"); no || !g.process.Terminal || s == "" || st == "" {
		return s
	}
	return "\x1b[" + string(st) + "m" + s + "\x1b[0m"
}

// A table prints rows with columns of equal width; the last is not padded.
type table struct {
	rows   [][]string
	paints map[int]func(column int, cell string) string // by row
}

func (t *table) add(cells ...string) { t.rows = append(t.rows, cells) }

// paintLast has the last row's cells painted after their widths were taken.
func (t *table) paintLast(f func(column int, cell string) string) {
	if t.paints == nil {
		t.paints = make(map[int]func(int, string) string)
	}
	t.paints[len(t.rows)-1] = f
}

func (t *table) print(w io.Writer, indent string) error {
	var widths []int
	for _, row := range t.rows {
		for i, cell := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	for n, row := range t.rows {
		var line strings.Builder
		for i, cell := range row {
			padding := 0
			if i < len(row)-1 {
				padding = widths[i] - utf8.RuneCountInString(cell) + 2
			}
			if paint := t.paints[n]; paint != nil {
				cell = paint(i, cell)
			}
			line.WriteString(cell + strings.Repeat(" ", padding))
		}
		if _, err := fmt.Fprintln(w, strings.TrimRight(indent+line.String(), " ")); err != nil {
			return err
		}
	}
	return nil
}

// ago says how long ago t was, roughly.
func ago(t, now time.Time) string {
	if t.IsZero() {
		return "never"
	}
	d := now.Sub(t)
	switch {
	case d < time.Minute:
		return "just now"
	case d < time.Hour:
		return fmt.Sprintf("%d min ago", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h ago", int(d.Hours()))
	}
	return fmt.Sprintf("%d days ago", int(d.Hours()/24))
}

func plural(n uint64, one string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %ss", n, one)
}
