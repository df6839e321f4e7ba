package bunstore_test

import (
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/audit"
	"github.com/gatehouse-go/gatehouse/auth/outbox"
)

func newEntry(id, userID string) outbox.Entry {
	return outbox.Entry{ID: id, Kind: "account.forgot", To: "ada@example.com", UserID: userID, CreatedAt: day, DueAt: day}
}

func newRecord(id, userID string) audit.Record {
	return audit.Record{ID: id, Event: auth.Event{Name: "login", At: day, UserID: userID}, ExpiresAt: day}
}

// inRealm and ofRealm are in the realm that plans are asked for.
func inRealm(e outbox.Entry, due time.Time) outbox.Entry {
	e.Realm, e.DueAt = "1", due
	return e
}

func ofRealm(r audit.Record, expires time.Time) audit.Record {
	r.Realm, r.ExpiresAt = "1", expires
	return r
}
