package authtest_test

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/audit"
	"github.com/gatehouse-go/gatehouse/auth/authtest"
)

// onAppend changes every record that goes in.
func onAppend(change func(r *audit.Record)) func(b *bentLog) {
	return func(b *bentLog) {
		b.append = func(ctx context.Context, r audit.Record) error {
			change(&r)
			return b.refLog.Append(ctx, r)
		}
	}
}

// onList changes every record that comes out.
func onList(change func(r *audit.Record)) func(b *bentLog) {
	return func(b *bentLog) {
		b.list = func(ctx context.Context, realm, userID, after string, limit int) ([]audit.Record, error) {
			list, err := b.refLog.UserRecords(ctx, realm, userID, after, limit)
			for i := range list {
				change(&list[i])
			}
			return list, err
		}
	}
}

func auditSuite() suite {
	s := suite{name: "Audit", correct: func(t *testing.T) {
		authtest.TestAuditStore(t, func(*testing.T) audit.Store { return newRefLog() })
	}}
	for _, b := range []struct {
		sentence string
		bend     func(b *bentLog)
		want     []string
	}{
		{"it keeps Addr", onAppend(func(r *audit.Record) { r.Addr = netip.Addr{} }), []string{"RoundTrip"}},
		{"it keeps Addr: without the mapping", onAppend(func(r *audit.Record) { r.Addr = r.Addr.Unmap() }), []string{"RoundTrip"}},
		{"it keeps Actor", onAppend(func(r *audit.Record) { r.Actor = "" }), []string{"RoundTrip", "RoundTripTexts"}},
		{"it keeps Name, …: and what was decided", func(b *bentLog) {
			b.list = func(ctx context.Context, realm, userID, after string, limit int) ([]audit.Record, error) {
				list, err := b.refLog.UserRecords(ctx, realm, userID, after, limit)
				for i := range list {
					list[i].Action = "edit"
				}
				return list, err
			}
		}, []string{"RoundTrip"}},
		{"strings come back byte for byte", onAppend(func(r *audit.Record) { r.Label = strings.TrimSpace(r.Label) }), []string{"RoundTripTexts"}},
		{"times are cut off to milliseconds", onAppend(func(r *audit.Record) { r.At = r.At.Round(time.Millisecond) }), []string{"RoundTripTimes"}},
		{"the zero time comes back as the zero time", onList(func(r *audit.Record) {
			if r.ExpiresAt.IsZero() {
				r.ExpiresAt = time.Unix(0, 0).UTC()
			}
		}), []string{"RoundTripTimes", "RoundTrip"}},
		{"IDs compare byte for byte", func(b *bentLog) {
			b.append = func(ctx context.Context, r audit.Record) error {
				unlock := b.alone(ctx)
				for id := range b.m {
					if id != r.ID && strings.EqualFold(id, r.ID) {
						unlock()
						return auth.ErrExists
					}
				}
				unlock()
				return b.refLog.Append(ctx, r)
			}
		}, []string{"IDsByteForByte"}},
		{"those of the user in the realm: of any realm", func(b *bentLog) {
			b.list = func(ctx context.Context, realm, userID, after string, limit int) ([]audit.Record, error) {
				list, err := b.refLog.UserRecords(ctx, realm, userID, after, limit)
				more, _ := b.refLog.UserRecords(ctx, strings.ToUpper(realm), userID, after, limit)
				if strings.ToUpper(realm) != realm {
					list = append(list, more...)
				}
				return list, err
			}
		}, []string{"Users"}},
		{"those of userID \"\" are those of no known user: refused", func(b *bentLog) {
			b.list = func(ctx context.Context, realm, userID, after string, limit int) ([]audit.Record, error) {
				if userID == "" {
					return nil, ctx.Err()
				}
				return b.refLog.UserRecords(ctx, realm, userID, after, limit)
			}
		}, []string{"Users", "DeleteUserNobody"}},
		{"anything else is refused with ErrInvalid: cut off", onAppend(func(r *audit.Record) { r.Reason = r.Reason[:min(len(r.Reason), 255)] }), []string{"Invalid"}},
		{"anything else is refused with ErrInvalid: now", onAppend(func(r *audit.Record) {
			if r.At.IsZero() {
				r.At = time.Now()
			}
		}), []string{"Invalid"}},
		{"ErrExists if there is one with its ID: replaced", func(b *bentLog) {
			b.append = func(ctx context.Context, r audit.Record) error {
				unlock := b.alone(ctx)
				delete(b.m, r.ID)
				unlock()
				return b.refLog.Append(ctx, r)
			}
		}, []string{"AppendExists", "AppendAtOnce", "Expired"}},
		{"ErrExists if there is one with its ID: in the realm", func(b *bentLog) {
			b.append = func(ctx context.Context, r audit.Record) error {
				if r.Realm == "realm" && r.ID == "1" {
					r.ID = "one"
				}
				return b.refLog.Append(ctx, r)
			}
		}, []string{"AppendExists"}},
		{"every verb is atomic: Append looks, then writes", func(b *bentLog) {
			b.append = func(ctx context.Context, r audit.Record) error {
				unlock := b.alone(ctx)
				_, there := b.m[r.ID]
				unlock()
				if there {
					return auth.ErrExists
				}
				pause()
				if err := b.refLog.Append(ctx, r); !errors.Is(err, auth.ErrExists) {
					return err
				}
				return nil
			}
		}, []string{"AppendAtOnce"}},
		{"the newest first: the oldest", func(b *bentLog) {
			b.list = func(ctx context.Context, realm, userID, after string, limit int) ([]audit.Record, error) {
				list, err := b.refLog.UserRecords(ctx, realm, userID, after, limit)
				slices.Reverse(list)
				return list, err
			}
		}, []string{"Order", "After"}},
		{"at the same time the one with the highest ID: any", func(b *bentLog) {
			b.list = func(ctx context.Context, realm, userID, after string, limit int) ([]audit.Record, error) {
				list, err := b.refLog.UserRecords(ctx, realm, userID, after, limit)
				slices.SortStableFunc(list, func(a, b audit.Record) int {
					if c := b.At.Compare(a.At); c != 0 {
						return c
					}
					return strings.Compare(a.ID, b.ID)
				})
				return list, err
			}
		}, []string{"Order"}},
		{"that come after the record: with it", func(b *bentLog) {
			b.list = func(ctx context.Context, realm, userID, after string, limit int) ([]audit.Record, error) {
				list, err := b.refLog.UserRecords(ctx, realm, userID, after, limit)
				all, _ := b.refLog.UserRecords(ctx, realm, userID, "", 1000)
				if i := slices.IndexFunc(all, func(r audit.Record) bool { return r.ID == after }); i >= 0 && limit > 0 {
					list = all[i:min(i+limit, len(all))]
				}
				return list, err
			}
		}, []string{"After", "IDsByteForByte"}},
		{"that come after the record: later ones are skipped that happened with it", func(b *bentLog) {
			b.list = func(ctx context.Context, realm, userID, after string, limit int) ([]audit.Record, error) {
				list, err := b.refLog.UserRecords(ctx, realm, userID, after, 1000)
				unlock := b.alone(ctx)
				at := b.m[after].At
				unlock()
				if after != "" {
					list = slices.DeleteFunc(list, func(r audit.Record) bool { return !r.At.Before(at) })
				}
				return list[:max(min(limit, len(list)), 0)], err
			}
		}, []string{"After"}},
		{"one that is not there begins nowhere: with the newest", func(b *bentLog) {
			b.list = func(ctx context.Context, realm, userID, after string, limit int) ([]audit.Record, error) {
				unlock := b.alone(ctx)
				if _, ok := b.m[after]; !ok {
					after = ""
				}
				unlock()
				return b.refLog.UserRecords(ctx, realm, userID, after, limit)
			}
		}, []string{"AfterNothing"}},
		{"one that is not the user's begins nowhere: by its time", func(b *bentLog) {
			b.list = func(ctx context.Context, realm, userID, after string, limit int) ([]audit.Record, error) {
				list, err := b.refLog.UserRecords(ctx, realm, userID, after, limit)
				unlock := b.alone(ctx)
				r, ok := b.m[after]
				unlock()
				if ok && (r.Realm != realm || r.UserID != userID) {
					return b.refLog.UserRecords(ctx, realm, userID, "", limit)
				}
				return list, err
			}
		}, []string{"AfterNothing"}},
		{"at most limit records: one more", func(b *bentLog) {
			b.list = func(ctx context.Context, realm, userID, after string, limit int) ([]audit.Record, error) {
				return b.refLog.UserRecords(ctx, realm, userID, after, max(limit, limit+1))
			}
		}, []string{"Limit"}},
		{"what has expired is returned until it is swept", func(b *bentLog) {
			b.list = func(ctx context.Context, realm, userID, after string, limit int) ([]audit.Record, error) {
				list, err := b.refLog.UserRecords(ctx, realm, userID, after, limit)
				list = slices.DeleteFunc(list, func(r audit.Record) bool { return !r.ExpiresAt.IsZero() && r.ExpiresAt.Before(time.Now()) })
				return list, err
			}
		}, []string{"Expired"}},
		{"DeleteUser deletes all records: a hundred realms", func(b *bentLog) {
			b.delete = func(ctx context.Context, realm, userID string) error {
				return errors.Join(b.refLog.DeleteUser(ctx, realm, userID), b.refLog.DeleteUser(ctx, "realm", userID))
			}
		}, []string{"DeleteUser"}},
		{"DeleteUser deletes all records: the newest", func(b *bentLog) {
			b.delete = func(ctx context.Context, realm, userID string) error {
				unlock, err := b.lock(ctx)
				if err != nil {
					return err
				}
				defer unlock()
				n := 0
				for id, r := range b.m {
					if r.Realm == realm && r.UserID == userID && userID != "" && n < 3 {
						delete(b.m, id)
						n++
					}
				}
				return nil
			}
		}, []string{"DeleteUser"}},
		{"userID \"\" deletes nothing", func(b *bentLog) {
			b.delete = func(ctx context.Context, realm, userID string) error {
				err := b.refLog.DeleteUser(ctx, realm, userID)
				if err == nil && userID == "" {
					unlock := b.alone(ctx)
					clear(b.m)
					unlock()
				}
				return err
			}
		}, []string{"DeleteUserNobody"}},
		{"an ended context is an outage: none", func(b *bentLog) {
			b.list = func(ctx context.Context, realm, userID, after string, limit int) ([]audit.Record, error) {
				return b.refLog.UserRecords(context.WithoutCancel(ctx), realm, userID, after, limit)
			}
		}, []string{"EndedContext"}},
		{"methods are safe for concurrent use", func(b *bentLog) {
			var busy sync.Mutex
			b.list = func(ctx context.Context, realm, userID, after string, limit int) ([]audit.Record, error) {
				if !busy.TryLock() {
					return nil, errDown
				}
				defer busy.Unlock()
				pause()
				return b.refLog.UserRecords(ctx, realm, userID, after, limit)
			}
		}, []string{"Concurrent"}},
		{"Sweep deletes what had expired at now: a second later", func(b *bentLog) {
			b.sweep = func(ctx context.Context, now time.Time, limit int) (int, error) {
				return b.refLog.Sweep(ctx, now.Add(-time.Second), limit)
			}
		}, []string{"Sweep"}},
		{"Sweep: what never expires stays", func(b *bentLog) {
			b.sweep = func(ctx context.Context, now time.Time, limit int) (int, error) {
				n, err := b.refLog.Sweep(ctx, now, limit)
				unlock := b.alone(ctx)
				defer unlock()
				for id, r := range b.m {
					if r.ExpiresAt.IsZero() {
						delete(b.m, id)
					}
				}
				return n, err
			}
		}, []string{"Sweep"}},
		{"Sweep deletes at most limit", func(b *bentLog) {
			b.sweep = func(ctx context.Context, now time.Time, _ int) (int, error) { return b.refLog.Sweep(ctx, now, 1000) }
		}, []string{"SweepLimit"}},
		{"Sweep with a context that has ended", func(b *bentLog) {
			b.sweep = func(ctx context.Context, now time.Time, limit int) (int, error) {
				return b.refLog.Sweep(context.WithoutCancel(ctx), now, limit)
			}
		}, []string{"SweepEndedContext"}},
		{"joins the transaction: Append does not", func(b *bentLog) {
			b.append = func(ctx context.Context, r audit.Record) error {
				if ctx.Value(inOne{}) == nil {
					return b.refLog.Append(ctx, r)
				}
				return errDown
			}
		}, []string{"InTxCommits", "InTxRollsBack", "InTxGoesOn"}},
	} {
		s.broken = append(s.broken, broken{b.sentence, func(t *testing.T) {
			authtest.TestAuditStore(t, func(*testing.T) audit.Store { return newBentLog(b.bend) })
		}, b.want})
	}
	return s
}
