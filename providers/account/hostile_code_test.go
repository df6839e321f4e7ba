package account_test

import (
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
)

// Who types the right code while something is down has not guessed: as with the password,
// that is no try, of which the fifth ends the code.
func TestHostileRightCodeInAnOutage(t *testing.T) {
	s := newSite(t, withCodes)
	s.verified(ada, good)
	b, code := s.asked(ada)
	down := s.store.On("UserCredentials").Fail(errors.New("down"))
	for range 7 {
		if r := b.post("/reset", "code", code, "password", other); r.Code < 500 {
			t.Fatalf("in the outage: %d %s", r.Code, r.text)
		}
	}
	down.Stop()
	b.post("/reset", "code", code, "password", other).want(t, http.StatusOK, "")
}

// Who has the right code of an address that is the account's no more makes no new tries at
// it, however often they send it.
func TestHostileRightCodeOfAnAddressThatIsGone(t *testing.T) {
	s := newSite(t, withCodes)
	s.verified(ada, good)
	s.guessCodes(ada, 99)
	s.clock.Advance(time.Minute)
	b, code := s.asked(ada)
	c, _ := s.email(ada)
	s.must(s.m.Store().ChangeCredentials(t.Context(), auth.Change{Old: &c}))
	b.post("/reset", "code", code, "password", other).want(t, http.StatusGone, "link_invalid")
	s.must(s.m.Store().ChangeCredentials(t.Context(), auth.Change{New: &c}))
	s.clock.Advance(time.Minute)
	b, code = s.asked(ada)
	b.post("/reset", "code", code, "password", other).want(t, http.StatusUnprocessableEntity, "invalid_field")
}
