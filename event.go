package gatehouse

import (
	"context"
	"time"
)

// A Level is how urgent an event is to the person on call.
type Level uint8

const (
	Info Level = iota
	Warning
	Critical
)

var levelNames = [...]string{Info: "info", Warning: "warning", Critical: "critical"}

func (l Level) String() string {
	if int(l) < len(levelNames) {
		return levelNames[l]
	}
	return "critical"
}

// MarshalText writes the level's name.
func (l Level) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

// UnmarshalText reads a level's name; an unknown one is Critical.
func (l *Level) UnmarshalText(text []byte) error {
	*l = Critical
	for i, name := range levelNames {
		if name == string(text) {
			*l = Level(i)
		}
	}
	return nil
}

// An Outcome is what became of a decision that denied.
type Outcome string

const (
	// Refused: the client was refused.
	Refused Outcome = "refused"
	// Observed: it would have been refused, but the rung observes.
	Observed Outcome = "observed"
	// Allowed: it would have been refused, but an `allow` entry lets it pass.
	Allowed Outcome = "allowed"
	// Proven: what it asks for was shown to be its own. Such a decision is in no log;
	// explain tells of the last ones.
	Proven Outcome = "proven"
)

// An Event is one line of the security log. Only the constructors of package
// events make one (architecture_test.go): they redact.
type Event struct {
	// ID is unique to this event.
	ID   string    `json:"id"`
	Time time.Time `json:"time"`
	// Name is from the OWASP logging vocabulary, or begins with "gate_".
	Name  string `json:"event"`
	Level Level  `json:"level"`
	// Words is one sentence for a person.
	Words string `json:"words"`
	// Request is the identifier that the client was told, where the event is
	// about a request.
	Request   string  `json:"request,omitempty"`
	Outcome   Outcome `json:"outcome,omitempty"`
	Rung      string  `json:"rung,omitempty"`
	Rule      string  `json:"rule,omitempty"`
	Route     string  `json:"route,omitempty"`
	Field     string  `json:"field,omitempty"`
	Evidence  string  `json:"evidence,omitempty"`
	Client    string  `json:"client,omitempty"`
	Principal string  `json:"principal,omitempty"`
	Method    string  `json:"method,omitempty"`
	Host      string  `json:"host,omitempty"`
	// Path is the path alone, redacted; never the query.
	Path   string `json:"path,omitempty"`
	Status int    `json:"status,omitempty"`
	// Detail is what else the event's kind has to say, redacted.
	Detail map[string]string `json:"detail,omitempty"`
	// Count is how many occurrences this line stands for; zero means one.
	Count uint64 `json:"count,omitempty"`
	// Until is when the last of Count occurrences was, where Count is above one.
	Until time.Time `json:"until,omitzero"`
}

// Occurrences is how many occurrences the event stands for.
func (e Event) Occurrences() uint64 { return max(e.Count, 1) }

// A Recorder writes events down. It returns an error where the event could not
// be kept; what then becomes of the decision is the gateway's configuration,
// never silence.
type Recorder interface {
	Record(context.Context, Event) error
}
