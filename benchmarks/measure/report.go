package measure

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Machine says where figures are from, and what shares its cores where several
// processes do.
func Machine(sharedBy string) string {
	model := "unknown CPU"
	if text, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(text)) {
			if name, value, _ := strings.Cut(line, ":"); strings.TrimSpace(name) == "model name" {
				model = strings.TrimSpace(value)
				break
			}
		}
	}
	kernel, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		kernel = []byte("unknown")
	}
	collector := ""
	if set := os.Getenv("GOGC"); set != "" {
		collector = "; GOGC=" + set + " for every Go process"
	}
	if sharedBy != "" {
		sharedBy = " shared by " + sharedBy
	}
	return fmt.Sprintf("%s, %d cores%s; %s%s; Linux %s; %s",
		model, runtime.NumCPU(), sharedBy, runtime.Version(), collector, bytes.TrimSpace(kernel), time.Now().UTC().Format(time.DateOnly))
}

// LoadAverage is of the last minute; zero where it cannot be read.
func LoadAverage() float64 {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return 0
	}
	first, _, _ := strings.Cut(string(text), " ")
	load, err := strconv.ParseFloat(first, 64)
	if err != nil {
		return 0
	}
	return load
}

// Disturbed warns of other work on the machine; "" where there was none.
func Disturbed(load float64) string {
	if load <= 0.5 {
		return ""
	}
	return fmt.Sprintf("Other work ran on the machine (load average %.2f before the start): rounds differ, and these figures give an order of magnitude.\n\n", load)
}

// Median sorts the values.
func Median(values []float64) float64 {
	slices.Sort(values)
	middle := len(values) / 2
	if len(values)%2 == 1 {
		return values[middle]
	}
	return (values[middle-1] + values[middle]) / 2
}

// Verdict is the word for a goal that was met or not.
func Verdict(met bool) string {
	if met {
		return "met"
	}
	return "**missed**"
}

// Speed is bytes by time.
func Speed(n int64, in time.Duration) string {
	return fmt.Sprintf("%.0f MB/s", float64(n)/1e6/in.Seconds())
}

// A Section is the part of a results file that one command writes.
type Section struct {
	// Name is the command's, and Title the heading's words.
	Name, Title string
}

// Write puts text into the file in place of what a former run wrote, and the
// section at the end of a file that has none.
func (s Section) Write(file, text string) error {
	begin := "<!-- " + s.Name + ": written by go run ./" + s.Name + " -->\n"
	end := "<!-- " + s.Name + ": end -->\n"
	old, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		old, err = []byte("# Results\n"), nil
	}
	if err != nil {
		return err
	}
	before, rest, ok := strings.Cut(string(old), begin)
	if !ok {
		before, rest = strings.TrimRight(string(old), "\n")+"\n\n## "+s.Title+"\n\n", end
	}
	_, after, ok := strings.Cut(rest, end)
	if !ok {
		return fmt.Errorf("%s: no %q after %q", file, end, begin)
	}
	return os.WriteFile(file, []byte(before+begin+text+end+after), 0o644)
}
