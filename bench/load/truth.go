package load

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// An Account is somebody who can log in.
type Account struct{ UserID, Email string }

// A user is an account with the sessions that clients have of it. Several
// clients share one: sessions end under the hands of others.
type user struct {
	Account

	mu       sync.Mutex
	live     []*session
	dead     []*session    // some of those that have ended
	ending   int           // how many are about to end all others
	endedAll time.Duration // when the last of them had done so
}

// A session is what is known of one. It may be alive until somebody asks for
// its end, and is dead once that is answered; in between it may be either. Times are
// since the beginning of the run, and never 0.
type session struct {
	user   *user
	cookie string
	handle string
	asked  atomic.Int64
	ended  atomic.Int64
}

func (s *session) askEnd(now time.Duration) { s.asked.CompareAndSwap(0, int64(now)) }

// end says that the end was answered.
func (s *session) end(now time.Duration) { s.ended.CompareAndSwap(0, int64(now)) }

// judge returns what is wrong with an answer to a request that was sent and
// answered at these times, or "". wasEnded is what ended was before it was sent.
func (s *session) judge(wasEnded bool, answered time.Duration, status int, userID string) string {
	switch {
	case status == 200 && userID != s.user.UserID:
		return fmt.Sprintf("user %s is given the page of %s", s.user.UserID, userID)
	case status == 200 && wasEnded:
		return fmt.Sprintf("user %s: a session that has ended lives", s.user.UserID)
	case status == 200:
		return ""
	case status == 401 && (s.asked.Load() == 0 || time.Duration(s.asked.Load()) > answered):
		return fmt.Sprintf("user %s: a session that nobody has ended is dead", s.user.UserID)
	case status == 401:
		return ""
	}
	return fmt.Sprintf("user %s: status %d", s.user.UserID, status)
}

// pick returns one of the live sessions, or nil.
func (u *user) pick(random *rand.Rand) *session {
	u.mu.Lock()
	defer u.mu.Unlock()
	return one(u.live, random)
}

// pickDead returns one of those that have ended, or nil.
func (u *user) pickDead(random *rand.Rand) *session {
	u.mu.Lock()
	defer u.mu.Unlock()
	return one(u.dead, random)
}

func one(list []*session, random *rand.Rand) *session {
	if len(list) == 0 {
		return nil
	}
	return list[random.IntN(len(list))]
}

// add adds a session whose login was sent at begun. If somebody has ended all
// others meanwhile, nobody can say whether it lives, and add does nothing.
func (u *user) add(s *session, begun time.Duration) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.ending == 0 && u.endedAll < begun {
		u.live = append(u.live, s)
	}
}

// take removes the session, so that nobody else ends it. It reports whether it
// was there.
func (u *user) take(s *session) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	i := slices.Index(u.live, s)
	if i < 0 {
		return false
	}
	u.live = slices.Delete(u.live, i, i+1)
	return true
}

// takeOthers removes all but s, and keeps others from being added until
// tookOthers is called. It returns false if s is not there.
func (u *user) takeOthers(s *session) (others []*session, ok bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if !slices.Contains(u.live, s) || u.ending > 0 {
		return nil, false
	}
	u.ending++
	others = slices.DeleteFunc(slices.Clone(u.live), func(o *session) bool { return o == s })
	u.live = []*session{s}
	return others, true
}

func (u *user) tookOthers(now time.Duration) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.ending--
	u.endedAll = now
}

// endedSince reports whether somebody was ending all other sessions at or after
// begun.
func (u *user) endedSince(begun time.Duration) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.ending > 0 || u.endedAll >= begun
}

// bury keeps a session that has ended.
func (u *user) bury(s *session) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.dead = append(u.dead, s); len(u.dead) > 16 {
		u.dead = slices.Delete(u.dead, 0, 1)
	}
}
