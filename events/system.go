package events

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/secret"
)

// SysStartup is written when the gate listens.
func SysStartup(version string, listen []string) gatehouse.Event {
	addresses := strings.Join(listen, ", ")
	e := plain("sys_startup", "The gate started on "+addresses+".")
	e.Detail = detail("version", version, "listen", addresses)
	return e
}

// SysShutdown is written when the gate ends in order.
func SysShutdown(reason string) gatehouse.Event {
	e := plain("sys_shutdown", "The gate stopped.")
	e.Detail = detail("reason", reason)
	return e
}

// SysRestart is written when a part was replaced, such as the configuration.
func SysRestart(what string) gatehouse.Event {
	return plain("sys_restart", sentence(text(what, 256))+" was replaced while the gate runs.")
}

// SysCrash is a panic in a rung or handler. The panic's value and the stack's
// arguments are left out where they may hold input: of a text the event says
// what [secret.Value] says, of an error its type; functions, files and lines stay.
func SysCrash(a About, rung string, recovered any, stack []byte) gatehouse.Event {
	e := about("sys_crash", a)
	e.Rung = text(rung, 128)
	e.Words = "A panic was caught; the request was refused and the gate runs on."
	e.Detail = detail("panic", panicValue(recovered), "stack", stackFrames(stack))
	return e
}

// panicValue shows runtime errors, whose words are Go's own, and describes
// anything else.
func panicValue(v any) string {
	switch v := v.(type) {
	case interface {
		error
		RuntimeError()
	}:
		return secret.Line(v.Error())
	case error:
		return fmt.Sprintf("%T: %s", v, secret.Value(v.Error()))
	case string:
		return secret.Value(v)
	}
	return fmt.Sprintf("a value of type %T", v)
}

var (
	frameArguments = regexp.MustCompile(`\([^()]*\)$`)
	frameAddress   = regexp.MustCompile(` \+0x[0-9a-f]+$`)
)

// stackFrames is a stack of debug.Stack as "function file:line" pairs, without
// the arguments' words.
func stackFrames(stack []byte) string {
	var frames []string
	lines := strings.Split(string(stack), "\n")
	for i, line := range lines {
		file, isFile := strings.CutPrefix(line, "\t")
		if !isFile || i == 0 {
			continue
		}
		file = frameAddress.ReplaceAllString(file, "")
		if at := strings.LastIndexByte(file, '/'); at >= 0 {
			file = file[at+1:]
		}
		function := frameArguments.ReplaceAllString(lines[i-1], "")
		if at := strings.LastIndexByte(function, '/'); at >= 0 {
			function = function[at+1:]
		}
		if frames = append(frames, function+" "+file); len(frames) == 24 {
			break
		}
	}
	return strings.Join(frames, "; ")
}

// SysMonitorEnabled is written when a place that events go to is reached again.
func SysMonitorEnabled(sink string) gatehouse.Event {
	e := plain("sys_monitor_enabled", "Events are written to "+sink+" again.")
	e.Detail = detail("sink", sink)
	return e
}

// SysMonitorDisabled is written when a place that events go to can't be
// reached.
func SysMonitorDisabled(sink string, err error) gatehouse.Event {
	e := plain("sys_monitor_disabled", "Events can't be written to "+sink+".")
	e.Detail = detail("sink", sink, "error", message(err))
	return e
}

// Bypass is a bypass in force, with the reason that a person wrote.
func Bypass(what string, reason gatehouse.Reason) gatehouse.Event {
	e := plain("gate_bypass", "A bypass is in force: "+what+".")
	e.Detail = detail("what", what, "reason", string(reason))
	return e
}

// ConfigRefused is a changed configuration that was not taken: how many errors
// it has, and the first.
func ConfigRefused(file string, errs int, first string) gatehouse.Event {
	e := plain("gate_config_refused", "A changed configuration was refused; the one before goes on.")
	e.Detail = detail("file", file, "errors", strconv.Itoa(errs), "first", first)
	return e
}

// upstreamWords are what became of a request that the backend failed.
var upstreamWords = map[string]string{
	"down": "The backend could not be reached.", "timeout": "The backend did not answer in time.",
	"garbage": "The backend's answer is not HTTP.", "cut": "The backend's answer ended before it was complete.",
}

// UpstreamFailed is a request that the backend could not answer. Kind is
// "down", "timeout", "garbage" or "cut"; status is what the client was told,
// zero where the answer had begun.
func UpstreamFailed(a About, upstream, kind string, err error, status int) gatehouse.Event {
	e := about("gate_upstream_failed", a)
	e.Status = status
	e.Words = upstreamWords[kind]
	if e.Words == "" {
		e.Words = "The backend failed."
	}
	e.Detail = detail("upstream", upstream, "kind", kind, "error", message(err))
	return e
}

// UpstreamRecovered says that the backend answers again, after that long.
func UpstreamRecovered(upstream string, after time.Duration) gatehouse.Event {
	e := plain("gate_upstream_recovered", "The backend answers again.")
	e.Detail = detail("upstream", upstream, "after", after.Round(time.Millisecond).String())
	return e
}

// Banned is an address that is refused from now on, after so many strikes. A
// zero until means for good.
func Banned(addr, reason string, until time.Time, strikes int) gatehouse.Event {
	e := plain("gate_banned", "An address was banned.")
	e.Client = prefix(addr)
	end := "never"
	if !until.IsZero() {
		end = until.UTC().Format(time.RFC3339)
	}
	e.Detail = detail("reason", reason, "until", end, "strikes", strconv.Itoa(strikes))
	return e
}

// Unbanned is a ban taken back, by whom.
func Unbanned(addr, by string) gatehouse.Event {
	e := plain("gate_unbanned", "A ban was taken back.")
	e.Client = prefix(addr)
	e.Detail = detail("by", by)
	return e
}

// prefix is an address, or a range of them such as an IPv6 /64.
func prefix(s string) string {
	if addr, bits, ok := strings.Cut(s, "/"); ok {
		return address(addr) + "/" + text(bits, 8)
	}
	return address(s)
}

// UndeclaredProxy is a private peer that sends a forwarding header without
// being a trusted proxy.
func UndeclaredProxy(peer, header string) gatehouse.Event {
	e := plain("gate_undeclared_proxy", "A proxy that is not declared sends forwarding headers; address limits and bans are suspended for it.")
	e.Client = address(peer)
	e.Detail = detail("header", header)
	return e
}

// Certificate is something about a certificate, in the caller's words.
func Certificate(words string, level gatehouse.Level, more map[string]string) gatehouse.Event {
	e := plain("gate_certificate", words)
	e.Level = level
	pairs := make([]string, 0, 2*len(more))
	for name, value := range more {
		pairs = append(pairs, text(name, 64), value)
	}
	e.Detail = detail(pairs...)
	return e
}

// sentence is s with a capital letter at its beginning.
func sentence(s string) string {
	r, size := utf8.DecodeRuneInString(s)
	if size == 0 {
		return s
	}
	return string(unicode.ToUpper(r)) + s[size:]
}

// Skipped tells somebody who follows the log that n events came faster than
// they were read. It is not recorded.
func Skipped(n uint64) gatehouse.Event {
	e := plain("gate_events_skipped", "Events came faster than they were read here; the log has them.")
	e.Count = n
	return e
}

// Crowd makes of one event the beginning of a sum of many, of different
// clients and routes: what is particular to the one is left out.
func Crowd(e gatehouse.Event) gatehouse.Event {
	sum := plain(e.Name, "Many of this event, of more clients and routes than are told apart.")
	sum.Level, sum.Time, sum.Until, sum.Count = e.Level, e.Time, e.Until, e.Count
	return sum
}
