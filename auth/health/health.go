// Package health says what is wrong with what a site stands on: whether a
// store can be reached, whether its schema and its settings are those that it
// needs, whether its clock agrees.
//
// Where to start: a store that can be examined is a [Checker]; the tool
// (gatehouse doctor) prints what it finds, and a host can serve the same on a
// page for those who operate it. [Worst] sums it up.
package health

import (
	"context"
	"time"
)

// A Level says how bad a [Finding] is.
type Level int

const (
	// OK is as it should be.
	OK Level = iota
	// Warning works, and will not always: a setting that loses data when a
	// machine dies, a table that is not swept.
	Warning
	// Fault does not work, or not as the guarantees of the store say.
	Fault
)

// String returns "ok", "warning" or "fault".
func (l Level) String() string {
	switch l {
	case OK:
		return "ok"
	case Warning:
		return "warning"
	}
	return "fault"
}

// MarshalText implements [encoding.TextMarshaler].
func (l Level) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

// A Finding is what one check has found. It holds no secret: no password of a
// data source name, no token, no address of a user.
type Finding struct {
	Check  string `json:"check"`  // what was looked at: "schema", "clock"
	Level  Level  `json:"level"`  // how bad it is
	Detail string `json:"detail"` // what was found, in one sentence
	Fix    string `json:"fix,omitempty"`
}

// A Checker is a store that can be examined, found through auth.As.
type Checker interface {
	// Check examines the store and changes nothing in it. now is the caller's
	// clock, with which the server's is compared. What cannot be found out is a
	// Fault; so is a context that ends meanwhile.
	Check(ctx context.Context, now time.Time) []Finding
}

// Worst returns the highest Level among the findings, OK for none.
func Worst(findings []Finding) Level {
	worst := OK
	for _, f := range findings {
		worst = max(worst, f.Level)
	}
	return worst
}
