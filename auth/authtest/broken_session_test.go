package authtest_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
)

// pause is where another caller gets in between.
func pause() { time.Sleep(500 * time.Microsecond) }

// changed returns a copy of s with a change in it.
func changed(s *auth.Session, change func(s *auth.Session)) *auth.Session {
	if s == nil {
		return nil
	}
	c := *s
	c.Proofs = slices.Clone(s.Proofs)
	change(&c)
	return &c
}

// onLoad changes every session that comes out.
func onLoad(change func(s *auth.Session)) func(b *bent) {
	return func(b *bent) {
		b.loadSession = func(ctx context.Context, id auth.SessionID) (*auth.Session, error) {
			s, err := b.ref.LoadSession(ctx, id)
			return changed(s, change), err
		}
	}
}

// onCreate changes every session that goes in.
func onCreate(change func(s *auth.Session)) func(b *bent) {
	return func(b *bent) {
		b.createSession = func(ctx context.Context, s *auth.Session) error {
			return b.ref.CreateSession(ctx, changed(s, change))
		}
	}
}

// onTimes changes the times of every session that comes out.
func onTimes(f func(t time.Time) time.Time) func(b *bent) {
	return onLoad(func(s *auth.Session) { s.SeenAt = f(s.SeenAt) })
}

// put stores s, if it is not nil, without any check.
func (b *bent) put(s *auth.Session, version int64) {
	if s == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.sessions[s.ID] = keepSession(s, version)
}

// peek looks at what is stored.
func (b *bent) peek(id auth.SessionID) *auth.Session {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.sessions[id]
}

func sessionBends() []bend {
	bends := []bend{
		{"every field comes back: Actor", onCreate(func(s *auth.Session) { s.Actor = "" }), []string{"RoundTrip", "RoundTripTexts"}},
		{"every field comes back: AuthVersion", onCreate(func(s *auth.Session) { s.AuthVersion = "" }), []string{"RoundTrip"}},
		{"every field comes back: Binding", onCreate(func(s *auth.Session) { s.Binding = s.Label }), []string{"RoundTrip"}},
		{"every field comes back: Label", onCreate(func(s *auth.Session) { s.Label = "" }), []string{"RoundTrip"}},
		{"every field comes back: Stale", onCreate(func(s *auth.Session) { s.Stale = false }), []string{"RoundTrip"}},
		{"every field comes back: Addr", onLoad(func(s *auth.Session) { s.Addr = auth.Session{}.Addr }), []string{"RoundTrip", "RoundTripAddr"}},
		{"every field comes back: EndsAt", onCreate(func(s *auth.Session) { s.EndsAt = s.ExpiresAt }), []string{"RoundTrip"}},
		{"every field comes back: only the last proof", onCreate(func(s *auth.Session) { s.Proofs = s.Proofs[max(0, len(s.Proofs)-1):] }), []string{"RoundTrip"}},
		{"every field comes back: Generation", onCreate(func(s *auth.Session) {
			for i := range s.Proofs {
				s.Proofs[i].Generation = int64(int32(s.Proofs[i].Generation))
			}
		}), []string{"RoundTrip"}},
		{"strings come back byte for byte: trimmed", onLoad(func(s *auth.Session) { s.Label = strings.TrimRight(s.Label, " ") }), []string{"RoundTripTexts"}},
		{"strings come back byte for byte: cut at 191", onLoad(func(s *auth.Session) { s.Binding = s.Binding[:min(191, len(s.Binding))] }), []string{"RoundTripTexts"}},
		{"strings come back byte for byte: without 4-byte UTF-8", onLoad(func(s *auth.Session) { s.Label = strings.ReplaceAll(s.Label, "\U0001f512", "?") }), []string{"RoundTripTexts"}},
		{"times are kept in milliseconds: seconds", onTimes(func(t time.Time) time.Time { return t.Truncate(time.Second) }), []string{"RoundTripTimes"}},
		{"times are kept in milliseconds: rounded", func(b *bent) {
			b.createSession = func(ctx context.Context, s *auth.Session) error {
				return b.ref.CreateSession(ctx, changed(s, func(s *auth.Session) { s.SeenAt = s.SeenAt.Round(time.Millisecond) }))
			}
		}, []string{"RoundTripTimes"}},
		{"times are kept in milliseconds: nanoseconds", func(b *bent) {
			b.createSession = func(ctx context.Context, s *auth.Session) error {
				err := b.ref.CreateSession(ctx, s)
				if err == nil {
					b.mu.Lock()
					defer b.mu.Unlock()
					if kept := b.sessions[s.ID]; kept != nil {
						b.sessions[s.ID] = changed(kept, func(c *auth.Session) { c.EndsAt = s.EndsAt.UTC() })
					}
				}
				return err
			}
		}, []string{"RoundTripTimes"}},
		{"times come back in UTC", onTimes(func(t time.Time) time.Time { return t.In(time.FixedZone("here", 3600)) }), []string{"RoundTripTimes"}},
		{"the zero time comes back as the zero time", onTimes(func(t time.Time) time.Time {
			if t.IsZero() {
				return time.UnixMilli(0).UTC()
			}
			return t
		}), []string{"RoundTripTimes"}},
		{"the epoch is not the zero time", onTimes(func(t time.Time) time.Time {
			if t.UnixMilli() == 0 {
				return time.Time{}
			}
			return t
		}), []string{"RoundTripTimes"}},
		{"every field comes back: IPv4 in IPv6", onLoad(func(s *auth.Session) { s.Addr = s.Addr.Unmap() }), []string{"RoundTripAddr"}},
		{"IDs are 32 bytes, whatever bytes", func(b *bent) {
			short := func(id auth.SessionID) auth.SessionID { clear(id[20:]); return id }
			b.createSession = func(ctx context.Context, s *auth.Session) error {
				return b.ref.CreateSession(ctx, changed(s, func(s *auth.Session) { s.ID = short(s.ID) }))
			}
			b.loadSession = func(ctx context.Context, id auth.SessionID) (*auth.Session, error) {
				s, err := b.ref.LoadSession(ctx, short(id))
				return changed(s, func(s *auth.Session) { s.ID = id }), err
			}
		}, []string{"IDs"}},
		{"anything else is refused with ErrInvalid: kept", func(b *bent) {
			b.createSession = func(_ context.Context, s *auth.Session) error { b.put(s, 1); return nil }
		}, []string{"Invalid"}},
		{"anything else is refused with ErrInvalid: empty user ID", func(b *bent) {
			b.createSession = func(ctx context.Context, s *auth.Session) error {
				if s.UserID == "" {
					b.put(s, 1)
					return nil
				}
				return b.ref.CreateSession(ctx, s)
			}
		}, []string{"Invalid"}},
		{"anything else is refused with ErrInvalid: an outage", func(b *bent) {
			b.createSession = func(ctx context.Context, s *auth.Session) error {
				if s.Validate() != nil {
					return errDown
				}
				return b.ref.CreateSession(ctx, s)
			}
		}, []string{"Invalid"}},
		{"CreateSession stores s with Version 1, whatever s.Version is", func(b *bent) {
			b.createSession = func(ctx context.Context, s *auth.Session) error {
				err := b.ref.CreateSession(ctx, s)
				if err == nil {
					b.put(s, s.Version)
				}
				return err
			}
		}, []string{"CreateVersion"}},
		{"ErrExists if the ID is taken: replaced", func(b *bent) {
			b.createSession = func(ctx context.Context, s *auth.Session) error {
				err := b.ref.CreateSession(ctx, s)
				if errors.Is(err, auth.ErrExists) {
					b.put(s, 1)
					return nil
				}
				return err
			}
		}, []string{"CreateExists", "CreateAtOnce"}},
		{"ErrExists if the ID is taken: replaced and refused", func(b *bent) {
			b.createSession = func(ctx context.Context, s *auth.Session) error {
				err := b.ref.CreateSession(ctx, s)
				if errors.Is(err, auth.ErrExists) {
					b.put(s, 1)
				}
				return err
			}
		}, []string{"CreateExists"}},
		{"ErrExists if the ID is taken: an outage", func(b *bent) {
			b.createSession = func(ctx context.Context, s *auth.Session) error {
				if err := b.ref.CreateSession(ctx, s); errors.Is(err, auth.ErrExists) {
					return errDown
				} else {
					return err
				}
			}
		}, []string{"CreateExists", "CreateAtOnce"}},
		{"every verb is atomic: CreateSession looks, then writes", func(b *bent) {
			b.createSession = func(ctx context.Context, s *auth.Session) error {
				if err := errors.Join(s.Validate(), ctx.Err()); err != nil {
					return err
				}
				if b.peek(s.ID) != nil {
					return auth.ErrExists
				}
				pause()
				b.put(s, 1)
				return nil
			}
		}, []string{"CreateAtOnce"}},
		{"LoadSession: ErrNotFound: nil and nil", func(b *bent) {
			b.loadSession = func(ctx context.Context, id auth.SessionID) (*auth.Session, error) {
				s, err := b.ref.LoadSession(ctx, id)
				if errors.Is(err, auth.ErrNotFound) {
					return nil, nil
				}
				return s, err
			}
		}, []string{"LoadNotFound"}},
		{"LoadSession: ErrNotFound: an outage", func(b *bent) {
			b.loadSession = func(ctx context.Context, id auth.SessionID) (*auth.Session, error) {
				s, err := b.ref.LoadSession(ctx, id)
				if err != nil {
					err = errDown
				}
				return s, err
			}
		}, []string{"LoadNotFound"}},
		{"looking for what cannot be there is no more than not finding it", func(b *bent) {
			b.loadSession = func(ctx context.Context, id auth.SessionID) (*auth.Session, error) {
				if id == (auth.SessionID{}) {
					return nil, auth.ErrInvalid
				}
				return b.ref.LoadSession(ctx, id)
			}
		}, []string{"LoadNotFound"}},
		{"whether it has expired is for the caller to say", func(b *bent) {
			b.loadSession = func(ctx context.Context, id auth.SessionID) (*auth.Session, error) {
				s, err := b.ref.LoadSession(ctx, id)
				if err == nil && s.ExpiresAt.Before(time.Now()) {
					return nil, auth.ErrNotFound
				}
				return s, err
			}
		}, []string{"LoadExpired"}},
		{"UpdateSession changes nothing else: refuses what it does not keep", func(b *bent) {
			b.updateSession = func(ctx context.Context, s *auth.Session) error {
				if err := s.Validate(); err != nil {
					return err
				}
				return b.ref.UpdateSession(ctx, s)
			}
		}, []string{"UpdateNothingElse"}},
		{"UpdateSession changes nothing else: everything", func(b *bent) {
			b.updateSession = func(ctx context.Context, s *auth.Session) error {
				err := b.ref.UpdateSession(ctx, s)
				if err == nil {
					b.put(s, s.Version+1)
				}
				return err
			}
		}, []string{"UpdateNothingElse"}},
		{"UpdateSession changes nothing else: EndsAt", func(b *bent) {
			b.updateSession = func(ctx context.Context, s *auth.Session) error {
				err := b.ref.UpdateSession(ctx, s)
				if err == nil {
					b.put(changed(b.peek(s.ID), func(c *auth.Session) { c.EndsAt = s.EndsAt }), s.Version+1)
				}
				return err
			}
		}, []string{"UpdateNothingElse"}},
		{"UpdateSession if the stored Version is s.Version: whatever it is", func(b *bent) {
			b.updateSession = func(ctx context.Context, s *auth.Session) error {
				if old := b.peek(s.ID); old != nil {
					s = changed(s, func(s *auth.Session) { s.Version = old.Version })
				}
				return b.ref.UpdateSession(ctx, s)
			}
		}, []string{"UpdateConflict", "UpdateAtOnce"}},
		{"UpdateSession if the stored Version is s.Version: if it is not newer", func(b *bent) {
			b.updateSession = func(ctx context.Context, s *auth.Session) error {
				if old := b.peek(s.ID); old != nil && old.Version < s.Version {
					s = changed(s, func(s *auth.Session) { s.Version = old.Version })
				}
				return b.ref.UpdateSession(ctx, s)
			}
		}, []string{"UpdateConflict"}},
		{"UpdateSession raises the Version by one: not at all", func(b *bent) {
			b.updateSession = func(ctx context.Context, s *auth.Session) error {
				err := b.ref.UpdateSession(ctx, s)
				if err == nil {
					b.put(b.peek(s.ID), s.Version)
				}
				return err
			}
		}, []string{"UpdateVersion", "UpdateAtOnce"}},
		{"UpdateSession raises the Version by one: only if something changed", func(b *bent) {
			b.updateSession = func(ctx context.Context, s *auth.Session) error {
				if old := b.peek(s.ID); old != nil && old.Version == s.Version && old.SeenAt.Equal(ms(s.SeenAt)) && old.Stale == s.Stale && old.ExpiresAt.Equal(ms(s.ExpiresAt)) {
					return ctx.Err()
				}
				return b.ref.UpdateSession(ctx, s)
			}
		}, []string{"UpdateVersion"}},
		{"UpdateSession: ErrConflict if it is another: ErrNotFound", func(b *bent) {
			b.updateSession = func(ctx context.Context, s *auth.Session) error {
				if err := b.ref.UpdateSession(ctx, s); errors.Is(err, auth.ErrConflict) {
					return auth.ErrNotFound
				} else {
					return err
				}
			}
		}, []string{"UpdateConflict", "UpdateAtOnce"}},
		{"outcomes are never mistaken for one another: two at once", func(b *bent) {
			b.updateSession = func(ctx context.Context, s *auth.Session) error {
				if err := b.ref.UpdateSession(ctx, s); errors.Is(err, auth.ErrConflict) {
					return errors.Join(auth.ErrNotFound, auth.ErrConflict)
				} else {
					return err
				}
			}
		}, []string{"UpdateConflict"}},
		{"UpdateSession: ErrNotFound if there is no such session: ErrConflict", func(b *bent) {
			b.updateSession = func(ctx context.Context, s *auth.Session) error {
				if err := b.ref.UpdateSession(ctx, s); errors.Is(err, auth.ErrNotFound) {
					return auth.ErrConflict
				} else {
					return err
				}
			}
		}, []string{"UpdateNotFound"}},
		{"an update never brings one back: it does", func(b *bent) {
			b.updateSession = func(ctx context.Context, s *auth.Session) error {
				err := b.ref.UpdateSession(ctx, s)
				if errors.Is(err, auth.ErrNotFound) {
					b.put(s, s.Version+1)
					return nil
				}
				return err
			}
		}, []string{"UpdateNotFound", "UpdateResurrects", "UpdateWhileDeleting"}},
		{"an update never brings one back: only after DeleteUserSessions", func(b *bent) {
			var mu sync.Mutex
			hidden := map[auth.SessionID]*auth.Session{}
			b.deleteUserSessions = func(ctx context.Context, userID string, except ...auth.SessionID) error {
				before := b.snapshot()
				err := b.ref.DeleteUserSessions(ctx, userID, except...)
				mu.Lock()
				defer mu.Unlock()
				for id, s := range before.sessions {
					if b.peek(id) == nil {
						hidden[id] = s
					}
				}
				return err
			}
			b.updateSession = func(ctx context.Context, s *auth.Session) error {
				err := b.ref.UpdateSession(ctx, s)
				mu.Lock()
				defer mu.Unlock()
				if errors.Is(err, auth.ErrNotFound) && hidden[s.ID] != nil {
					b.put(s, s.Version+1)
					return nil
				}
				return err
			}
		}, []string{"UpdateResurrects"}},
		{"every verb is atomic: UpdateSession looks, then writes what is still there", func(b *bent) {
			b.updateSession = func(ctx context.Context, s *auth.Session) error {
				if old := b.peek(s.ID); old == nil {
					return auth.ErrNotFound
				} else if old.Version != s.Version {
					return auth.ErrConflict
				}
				pause()
				if old := b.peek(s.ID); old != nil {
					s = changed(s, func(s *auth.Session) { s.Version = old.Version })
				}
				return b.ref.UpdateSession(ctx, s)
			}
		}, []string{"UpdateAtOnce"}},
		{"an update never brings one back: UpdateSession loads, then writes", func(b *bent) {
			b.updateSession = func(ctx context.Context, s *auth.Session) error {
				old, err := b.ref.LoadSession(ctx, s.ID)
				if err != nil {
					return err
				}
				if old.Version != s.Version {
					return auth.ErrConflict
				}
				pause()
				b.put(changed(old, func(c *auth.Session) { c.SeenAt, c.ExpiresAt, c.Stale = s.SeenAt, s.ExpiresAt, s.Stale }), s.Version+1)
				return nil
			}
		}, []string{"UpdateWhileDeleting", "UpdateAtOnce"}},
		{"what a store has been given is never changed: Version", func(b *bent) {
			b.createSession = func(ctx context.Context, s *auth.Session) error {
				err := b.ref.CreateSession(ctx, s)
				s.Version = 1
				return err
			}
		}, []string{"NobodyChanges"}},
		{"what a store has been given is never changed: by UpdateSession", func(b *bent) {
			b.updateSession = func(ctx context.Context, s *auth.Session) error {
				err := b.ref.UpdateSession(ctx, s)
				if err == nil && s.Version == 1 {
					s.Stale = !s.Stale
				}
				return err
			}
		}, []string{"NobodyChanges"}},
		{"what a store has returned is never changed", func(b *bent) {
			b.updateSession = func(ctx context.Context, s *auth.Session) error {
				old := b.peek(s.ID)
				err := b.ref.UpdateSession(ctx, s)
				if err == nil {
					b.mu.Lock()
					defer b.mu.Unlock()
					if kept := b.sessions[s.ID]; kept != nil {
						*old = *kept
					}
				}
				return err
			}
		}, []string{"NobodyChanges"}},
		{"DeleteSession: the others get ErrNotFound: nil", func(b *bent) {
			b.deleteSession = func(ctx context.Context, id auth.SessionID) error {
				if err := b.ref.DeleteSession(ctx, id); !errors.Is(err, auth.ErrNotFound) {
					return err
				}
				return nil
			}
		}, []string{"Delete", "DeleteAtOnce"}},
		{"DeleteSession deletes the session: it does not", func(b *bent) {
			b.deleteSession = func(ctx context.Context, id auth.SessionID) error {
				_, err := b.ref.LoadSession(ctx, id)
				return err
			}
		}, []string{"Delete", "DeleteAtOnce"}},
		{"DeleteSession: exactly one gets nil: looks, then deletes", func(b *bent) {
			b.deleteSession = func(ctx context.Context, id auth.SessionID) error {
				if _, err := b.ref.LoadSession(ctx, id); err != nil {
					return err
				}
				pause()
				if err := b.ref.DeleteSession(ctx, id); !errors.Is(err, auth.ErrNotFound) {
					return err
				}
				return nil
			}
		}, []string{"DeleteAtOnce"}},
		{"DeleteUserSessions deletes the user's sessions: in any case", likeUsers(strings.EqualFold), []string{"DeleteUser"}},
		{"DeleteUserSessions deletes the user's sessions: LIKE", likeUsers(func(s, user string) bool {
			return s == user || strings.HasSuffix(user, "%") && strings.HasPrefix(s, user[:len(user)-1])
		}), []string{"DeleteUser"}},
		{"DeleteUserSessions deletes the user's sessions: padded", likeUsers(func(s, user string) bool {
			return strings.TrimRight(s, " ") == strings.TrimRight(user, " ")
		}), []string{"DeleteUser"}},
		{"DeleteUserSessions deletes the user's sessions: not the expired", func(b *bent) {
			b.deleteUserSessions = func(ctx context.Context, userID string, except ...auth.SessionID) error {
				list, err := b.ref.UserSessions(ctx, userID)
				for _, s := range list {
					if s.ExpiresAt.Before(time.Now()) {
						except = append(except, s.ID)
					}
				}
				return errors.Join(err, b.ref.DeleteUserSessions(ctx, userID, except...))
			}
		}, []string{"DeleteUser"}},
		{"but for those in except: none", func(b *bent) {
			b.deleteUserSessions = func(ctx context.Context, userID string, _ ...auth.SessionID) error {
				return b.ref.DeleteUserSessions(ctx, userID)
			}
		}, []string{"DeleteUserExcept", "DeleteUserMany"}},
		{"but for those in except: only the first", func(b *bent) {
			b.deleteUserSessions = func(ctx context.Context, userID string, except ...auth.SessionID) error {
				return b.ref.DeleteUserSessions(ctx, userID, except[:min(1, len(except))]...)
			}
		}, []string{"DeleteUserExcept"}},
		{"having none is not an error: ErrNotFound", func(b *bent) {
			b.deleteUserSessions = func(ctx context.Context, userID string, except ...auth.SessionID) error {
				if list, err := b.ref.UserSessions(ctx, userID); err == nil && len(list) == 0 {
					return auth.ErrNotFound
				}
				return b.ref.DeleteUserSessions(ctx, userID, except...)
			}
		}, []string{"DeleteUserNone"}},
		{"looking for odd strings is no more than not finding them", func(b *bent) {
			b.deleteUserSessions = func(ctx context.Context, userID string, except ...auth.SessionID) error {
				if err := checkKey(userID); err != nil {
					return err
				}
				return b.ref.DeleteUserSessions(ctx, userID, except...)
			}
			b.userSessions = func(ctx context.Context, userID string) ([]*auth.Session, error) {
				if err := checkKey(userID); err != nil {
					return nil, err
				}
				return b.ref.UserSessions(ctx, userID)
			}
		}, []string{"DeleteUserNone", "UserSessionsNone"}},
		{"DeleteUserSessions deletes the user's sessions: a page of them", func(b *bent) {
			b.deleteUserSessions = func(ctx context.Context, userID string, except ...auth.SessionID) error {
				list, err := b.ref.UserSessions(ctx, userID)
				for i, s := range list {
					if i >= 100 {
						except = append(except, s.ID)
					}
				}
				return errors.Join(err, b.ref.DeleteUserSessions(ctx, userID, except...))
			}
		}, []string{"DeleteUserMany"}},
		{"a session whose creation was finished before is never left over", func(b *bent) {
			var mu sync.Mutex
			seen := map[auth.SessionID]int{} // an index that is two calls late
			b.deleteUserSessions = func(ctx context.Context, userID string, except ...auth.SessionID) error {
				mu.Lock()
				defer mu.Unlock()
				list, err := b.ref.UserSessions(ctx, userID)
				for _, s := range list {
					if seen[s.ID]++; seen[s.ID] > 2 && !slices.Contains(except, s.ID) {
						_ = b.ref.DeleteSession(ctx, s.ID)
					}
				}
				return err
			}
		}, []string{"DeleteUserWhileCreating"}},
		{"every verb is atomic: DeleteUserSessions one by one", func(b *bent) {
			b.deleteUserSessions = func(ctx context.Context, userID string, except ...auth.SessionID) error {
				list, err := b.ref.UserSessions(ctx, userID)
				for _, s := range list {
					if !slices.Contains(except, s.ID) {
						_ = b.ref.DeleteSession(ctx, s.ID)
						pause()
					}
				}
				return err
			}
		}, []string{"DeleteUserAtomic"}},
		{"UserSessions: expired ones included", func(b *bent) {
			b.userSessions = func(ctx context.Context, userID string) ([]*auth.Session, error) {
				list, err := b.ref.UserSessions(ctx, userID)
				return slices.DeleteFunc(list, func(s *auth.Session) bool { return s.ExpiresAt.Before(time.Now()) }), err
			}
		}, []string{"UserSessions", "LoadExpired"}},
		{"UserSessions returns the user's sessions: and those of the actor", func(b *bent) {
			b.userSessions = func(ctx context.Context, userID string) ([]*auth.Session, error) {
				list, err := b.ref.UserSessions(ctx, userID)
				b.mu.Lock()
				defer b.mu.Unlock()
				for _, s := range b.sessions {
					if s.Actor == userID {
						list = append(list, s)
					}
				}
				return list, err
			}
		}, []string{"UserSessions"}},
		{"UserSessions returns the sessions: without proofs", func(b *bent) {
			b.userSessions = func(ctx context.Context, userID string) ([]*auth.Session, error) {
				list, err := b.ref.UserSessions(ctx, userID)
				for i, s := range list {
					list[i] = changed(s, func(s *auth.Session) { s.Proofs = nil })
				}
				return list, err
			}
		}, []string{"UserSessions"}},
		{"the newest CreatedAt first: the oldest", orderUserSessions(func(a, b *auth.Session) int { return a.CreatedAt.Compare(b.CreatedAt) }), []string{"UserSessions", "UserSessionsOrder"}},
		{"the newest CreatedAt first: the newest SeenAt", orderUserSessions(func(a, b *auth.Session) int { return b.SeenAt.Compare(a.SeenAt) }), []string{"UserSessionsOrder"}},
		{"the newest CreatedAt first: by seconds", orderUserSessions(func(a, b *auth.Session) int {
			if c := b.CreatedAt.Truncate(time.Second).Compare(a.CreatedAt.Truncate(time.Second)); c != 0 {
				return c
			}
			return a.CreatedAt.Compare(b.CreatedAt)
		}), []string{"UserSessionsOrder"}},
		{"UserSessions: having none is not an error", func(b *bent) {
			b.userSessions = func(ctx context.Context, userID string) ([]*auth.Session, error) {
				list, err := b.ref.UserSessions(ctx, userID)
				if err == nil && len(list) == 0 {
					err = auth.ErrNotFound
				}
				return list, err
			}
		}, []string{"UserSessionsNone"}},
		{"strings compare byte for byte: user IDs in any case", func(b *bent) {
			b.userSessions = func(ctx context.Context, userID string) ([]*auth.Session, error) {
				b.mu.Lock()
				defer b.mu.Unlock()
				var list []*auth.Session
				for _, s := range b.sessions {
					if strings.EqualFold(s.UserID, userID) {
						list = append(list, s)
					}
				}
				return list, nil
			}
		}, []string{"UserIDsByteForByte"}},
		{"methods are safe for concurrent use: refuses while busy", func(b *bent) {
			var busy sync.Mutex
			b.loadSession = func(ctx context.Context, id auth.SessionID) (*auth.Session, error) {
				if !busy.TryLock() {
					return nil, errDown
				}
				defer busy.Unlock()
				pause()
				return b.ref.LoadSession(ctx, id)
			}
		}, []string{"Concurrent"}},
		{"methods are safe for concurrent use: one buffer for all", func(b *bent) {
			var last auth.SessionID
			b.loadSession = func(ctx context.Context, id auth.SessionID) (*auth.Session, error) {
				b.mu.Lock()
				last = id
				b.mu.Unlock()
				pause()
				b.mu.Lock()
				id = last
				b.mu.Unlock()
				return b.ref.LoadSession(ctx, id)
			}
		}, []string{"Concurrent"}},
	}
	for _, not := range []struct {
		field string
		keep  func(old, s *auth.Session)
	}{
		{"SeenAt", func(old, s *auth.Session) { s.SeenAt = old.SeenAt }},
		{"ExpiresAt", func(old, s *auth.Session) { s.ExpiresAt = old.ExpiresAt }},
		{"Stale", func(old, s *auth.Session) { s.Stale = old.Stale }},
		{"an earlier SeenAt", func(old, s *auth.Session) {
			if s.SeenAt.Before(old.SeenAt) {
				s.SeenAt = old.SeenAt
			}
		}},
		{"Stale from true to false", func(old, s *auth.Session) { s.Stale = s.Stale || old.Stale }},
	} {
		bends = append(bends, bend{"UpdateSession changes SeenAt, ExpiresAt and Stale: not " + not.field, func(b *bent) {
			b.updateSession = func(ctx context.Context, s *auth.Session) error {
				if old := b.peek(s.ID); old != nil {
					s = changed(s, func(s *auth.Session) { not.keep(old, s) })
				}
				return b.ref.UpdateSession(ctx, s)
			}
		}, []string{"UpdateChanges"}})
	}
	for _, verb := range []string{"CreateSession", "LoadSession", "UpdateSession", "DeleteSession", "DeleteUserSessions", "UserSessions"} {
		bends = append(bends, contextBends(verb, verb)...)
	}
	return bends
}

// likeUsers deletes the sessions of every user that equal says is the user.
func likeUsers(equal func(s, user string) bool) func(b *bent) {
	return func(b *bent) {
		b.deleteUserSessions = func(ctx context.Context, userID string, except ...auth.SessionID) error {
			b.mu.Lock()
			users := map[string]bool{userID: true}
			for _, s := range b.sessions {
				if equal(s.UserID, userID) {
					users[s.UserID] = true
				}
			}
			b.mu.Unlock()
			var err error
			for u := range users {
				err = errors.Join(err, b.ref.DeleteUserSessions(ctx, u, except...))
			}
			return err
		}
	}
}

func orderUserSessions(order func(a, b *auth.Session) int) func(b *bent) {
	return func(b *bent) {
		b.userSessions = func(ctx context.Context, userID string) ([]*auth.Session, error) {
			list, err := b.ref.UserSessions(ctx, userID)
			slices.SortStableFunc(list, order)
			return list, err
		}
	}
}
