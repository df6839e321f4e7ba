package memory_test

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
)

// t0 is no time that any clock shows.
var t0 = time.UnixMilli(1_000_000_000_000).UTC()

func sid(n int) (id auth.SessionID) {
	binary.BigEndian.PutUint64(id[24:], uint64(n)+1)
	return id
}

// newSession returns a session with the strings that a login would give it,
// each freshly allocated. It expires an hour after t0.
func newSession(n int, user string) *auth.Session {
	return &auth.Session{
		ID:     sid(n),
		UserID: strings.Clone(user),
		Proofs: []auth.Proof{{
			Method: strings.Clone("password"), At: t0,
			Kind: strings.Clone("password"), Key: strings.Clone(user), Generation: 1,
		}},
		Label:     strings.Clone("Firefox on Linux"),
		Addr:      netip.AddrFrom4([4]byte{192, 0, byte(n >> 8), byte(n)}),
		CreatedAt: t0, SeenAt: t0,
		EndsAt: t0.Add(24 * time.Hour), ExpiresAt: t0.Add(time.Hour),
	}
}

// userID returns a string of 36 bytes.
func userID(n int) string { return fmt.Sprintf("018bcfe5-6800-7000-8000-%012d", n) }

func newCredential(n int, user string) *auth.Credential {
	return &auth.Credential{
		Kind: "device", Key: fmt.Sprint(n), UserID: user, Data: []byte("data"),
		CreatedAt: t0, ExpiresAt: t0.Add(time.Hour),
	}
}

func create(c *auth.Credential) auth.Change { return auth.Change{New: c} }

func newTicket(n int, user, slot string) auth.Ticket {
	return auth.Ticket{
		Purpose: "reset", Key: fmt.Sprint(n), UserID: user, Slot: slot, Data: []byte("data"),
		CreatedAt: t0, ExpiresAt: t0.Add(time.Hour),
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// check is must for goroutines that are not the test's.
func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Error(err)
	}
}
