package authtest_test

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/gatehouse-go/gatehouse/auth"
)

// onLoadCredential changes every credential that LoadCredential returns.
func onLoadCredential(change func(c *auth.Credential)) func(b *bent) {
	return func(b *bent) {
		b.loadCredential = func(ctx context.Context, kind, key string) (auth.Credential, error) {
			c, err := b.ref.LoadCredential(ctx, kind, key)
			if err == nil {
				change(&c)
			}
			return c, err
		}
	}
}

// onNew changes every credential that goes in.
func onNew(change func(c *auth.Credential)) func(b *bent) {
	return onChanges(func(_ *bent, changes []auth.Change) []auth.Change {
		for i, c := range changes {
			if c.New != nil {
				d := *c.New
				change(&d)
				changes[i].New = &d
			}
		}
		return changes
	})
}

// onChanges changes what is changed.
func onChanges(f func(b *bent, changes []auth.Change) []auth.Change) func(b *bent) {
	return func(b *bent) {
		b.changeCredentials = func(ctx context.Context, changes ...auth.Change) error {
			return b.ref.ChangeCredentials(ctx, f(b, slices.Clone(changes))...)
		}
	}
}

// instead changes one outcome of ChangeCredentials into another.
func instead(from, to error) func(b *bent) {
	return func(b *bent) {
		b.changeCredentials = func(ctx context.Context, changes ...auth.Change) error {
			if err := b.ref.ChangeCredentials(ctx, changes...); !errors.Is(err, from) {
				return err
			}
			return to
		}
	}
}

// oneByOne makes changes as possible says, each on its own; between is called
// after each check.
func oneByOne(b *bent, between func(), changes ...auth.Change) error {
	if err := names(changes); err != nil {
		return err
	}
	for _, c := range changes {
		b.mu.Lock()
		err := b.possible(c)
		b.mu.Unlock()
		if err != nil {
			return err
		}
		between()
		b.mu.Lock()
		b.apply(c)
		b.mu.Unlock()
	}
	return nil
}

// unlessMalformed lets what ErrInvalid is for pass in one way.
func unlessMalformed(allow func(changes []auth.Change) bool) func(b *bent) {
	return func(b *bent) {
		b.changeCredentials = func(ctx context.Context, changes ...auth.Change) error {
			err := b.ref.ChangeCredentials(ctx, changes...)
			if errors.Is(err, auth.ErrInvalid) && allow(changes) {
				return nil
			}
			return err
		}
	}
}

func credentialBends() []bend {
	bends := []bend{
		{"every field comes back: Label", onNew(func(c *auth.Credential) { c.Label = "" }), []string{"RoundTrip", "RoundTripTexts"}},
		{"every field comes back: VerifiedAt", onNew(func(c *auth.Credential) { c.VerifiedAt = c.CreatedAt }), []string{"RoundTrip", "Replace"}},
		{"every field comes back: UsedAt", onNew(func(c *auth.Credential) { c.UsedAt = time.Time{} }), []string{"RoundTrip"}},
		{"every field comes back: Generation in 32 bits", onNew(func(c *auth.Credential) { c.Generation = int64(int32(c.Generation)) }), []string{"RoundTrip"}},
		{"every field comes back: a list without Data", func(b *bent) {
			b.userCredentials = func(ctx context.Context, userID string, kinds ...string) ([]auth.Credential, error) {
				list, err := b.ref.UserCredentials(ctx, userID, kinds...)
				for i := range list {
					list[i].Data = nil
				}
				return list, err
			}
		}, []string{"RoundTrip", "RoundTripData"}},
		{"strings come back byte for byte: Key in lower case", onLoadCredential(func(c *auth.Credential) { c.Key = strings.ToLower(c.Key) }), []string{"RoundTripTexts", "KeysByteForByte"}},
		{"strings come back byte for byte: UserID trimmed", onLoadCredential(func(c *auth.Credential) { c.UserID = strings.TrimSpace(c.UserID) }), []string{"RoundTripTexts"}},
		{"times are kept in milliseconds: seconds", onLoadCredential(func(c *auth.Credential) { c.UsedAt = c.UsedAt.Truncate(time.Second) }), []string{"RoundTripTimes"}},
		{"times come back in UTC", onLoadCredential(func(c *auth.Credential) { c.CreatedAt = c.CreatedAt.In(time.FixedZone("", 7200)) }), []string{"RoundTripTimes"}},
		{"the zero time comes back as the zero time", onLoadCredential(func(c *auth.Credential) {
			if c.ExpiresAt.IsZero() {
				c.ExpiresAt = time.Unix(0, 0).UTC()
			}
		}), []string{"RoundTripTimes"}},
		{"data come back: as text", onLoadCredential(func(c *auth.Credential) {
			if !utf8.Valid(c.Data) {
				c.Data = []byte(strings.ToValidUTF8(string(c.Data), "?"))
			}
		}), []string{"RoundTripData"}},
		{"data come back: as JSON", onLoadCredential(func(c *auth.Credential) {
			if strings.HasPrefix(string(c.Data), "{") {
				c.Data = []byte(strings.ReplaceAll(string(c.Data), " ", ""))
			}
		}), []string{"RoundTripData"}},
		{"a store returns nil for none", onLoadCredential(func(c *auth.Credential) { c.Data = append([]byte{}, c.Data...) }), []string{"RoundTripData"}},
		{"what goes in shares no memory", func(b *bent) {
			b.changeCredentials = func(ctx context.Context, changes ...auth.Change) error {
				err := b.ref.ChangeCredentials(ctx, changes...)
				if err == nil {
					b.mu.Lock()
					defer b.mu.Unlock()
					for _, c := range changes {
						if c.New != nil && c.Old == nil {
							n := [2]string{c.New.Kind, c.New.Key}
							kept := b.credentials[n]
							kept.Data = c.New.Data
							b.credentials[n] = kept
						}
					}
				}
				return err
			}
		}, []string{"SharesNoMemory"}},
		{"what goes in shares no memory: in a replacement", func(b *bent) {
			b.changeCredentials = func(ctx context.Context, changes ...auth.Change) error {
				err := b.ref.ChangeCredentials(ctx, changes...)
				if err == nil {
					b.mu.Lock()
					defer b.mu.Unlock()
					for _, c := range changes {
						if c.New != nil && c.Old != nil {
							n := [2]string{c.New.Kind, c.New.Key}
							kept := b.credentials[n]
							kept.Data = c.New.Data
							b.credentials[n] = kept
						}
					}
				}
				return err
			}
		}, []string{"SharesNoMemory"}},
		{"what goes in is not changed: New.Version", func(b *bent) {
			b.changeCredentials = func(ctx context.Context, changes ...auth.Change) error {
				err := b.ref.ChangeCredentials(ctx, changes...)
				for _, c := range changes {
					if c.New != nil {
						c.New.Version = 1
					}
				}
				return err
			}
		}, []string{"SharesNoMemory"}},
		{"what comes out shares no memory: LoadCredential", func(b *bent) {
			b.loadCredential = func(ctx context.Context, kind, key string) (auth.Credential, error) {
				c, err := b.ref.LoadCredential(ctx, kind, key)
				b.mu.Lock()
				defer b.mu.Unlock()
				c.Data = b.credentials[[2]string{kind, key}].Data
				return c, err
			}
		}, []string{"SharesNoMemory"}},
		{"what comes out shares no memory: UserCredentials", func(b *bent) {
			b.userCredentials = func(ctx context.Context, userID string, kinds ...string) ([]auth.Credential, error) {
				list, err := b.ref.UserCredentials(ctx, userID, kinds...)
				b.mu.Lock()
				defer b.mu.Unlock()
				for i, c := range list {
					list[i].Data = b.credentials[[2]string{c.Kind, c.Key}].Data
				}
				return list, err
			}
		}, []string{"SharesNoMemory"}},
		{"strings compare byte for byte: keys in any case", mapNames(strings.ToLower), []string{"KeysByteForByte", "Malformed"}},
		{"strings compare byte for byte: keys without trailing space", mapNames(func(s string) string { return strings.TrimRight(s, " ") }), []string{"KeysByteForByte"}},
		{"strings compare byte for byte: one normal form", mapNames(func(s string) string { return strings.ReplaceAll(s, "a\u0301", "\u00e1") }), []string{"KeysByteForByte"}},
		{"Kind and Key together are unique: joined by a colon", func(b *bent) {
			kind := func(kind, key string) string { return kind + ":" + key }
			b.loadCredential = func(ctx context.Context, k, key string) (auth.Credential, error) {
				c, err := b.ref.LoadCredential(ctx, k, key)
				if err != nil {
					return c, err
				}
				b.mu.Lock()
				defer b.mu.Unlock()
				for n, other := range b.credentials {
					if kind(n[0], n[1]) == kind(k, key) && n[0] < k {
						return keepCredential(&other, other.Version), nil
					}
				}
				return c, err
			}
		}, []string{"KeysByteForByte"}},
		{"strings compare byte for byte: user IDs in any case", func(b *bent) {
			b.userCredentials = func(ctx context.Context, userID string, kinds ...string) ([]auth.Credential, error) {
				return b.likeUsers(ctx, userID, strings.EqualFold, kinds...)
			}
		}, []string{"UserIDsByteForByte", "User"}},
		{"UserCredentials returns the user's: LIKE", func(b *bent) {
			b.userCredentials = func(ctx context.Context, userID string, kinds ...string) ([]auth.Credential, error) {
				return b.likeUsers(ctx, userID, func(s, user string) bool {
					return s == user || strings.HasSuffix(user, "%") && strings.HasPrefix(s, strings.TrimSuffix(user, "%"))
				}, kinds...)
			}
		}, []string{"User"}},
		{"UserCredentials returns the user's: of a kind, whoever has them", func(b *bent) {
			b.userCredentials = func(ctx context.Context, userID string, kinds ...string) ([]auth.Credential, error) {
				if len(kinds) == 0 {
					return b.ref.UserCredentials(ctx, userID)
				}
				return b.likeUsers(ctx, userID, func(string, string) bool { return true }, kinds...)
			}
		}, []string{"User", "UserKinds"}},
		{"anything else is refused with ErrInvalid: cut off", onNew(func(c *auth.Credential) { c.Label = c.Label[:min(255, len(c.Label))] }), []string{"Invalid"}},
		{"anything else is refused with ErrInvalid: repaired", onNew(func(c *auth.Credential) {
			c.Key = strings.ReplaceAll(strings.ToValidUTF8(c.Key, "?"), "\x00", "")
		}), []string{"Invalid"}},
		{"anything else is refused with ErrInvalid: long data cut off", onNew(func(c *auth.Credential) { c.Data = c.Data[:min(1<<16-1, len(c.Data))] }), []string{"Invalid"}},
		{"anything else is refused with ErrInvalid: an outage", instead(auth.ErrInvalid, errDown), []string{"Invalid", "Malformed", "AllOrNone"}},
		{"LoadCredential: ErrNotFound: nil", func(b *bent) {
			b.loadCredential = func(ctx context.Context, kind, key string) (auth.Credential, error) {
				c, err := b.ref.LoadCredential(ctx, kind, key)
				if errors.Is(err, auth.ErrNotFound) {
					err = nil
				}
				return c, err
			}
		}, []string{"LoadNotFound"}},
		{"looking for odd strings is no more than not finding them", func(b *bent) {
			b.loadCredential = func(ctx context.Context, kind, key string) (auth.Credential, error) {
				if err := errors.Join(checkKey(kind), checkKey(key)); err != nil {
					return auth.Credential{}, err
				}
				return b.ref.LoadCredential(ctx, kind, key)
			}
			b.userCredentials = func(ctx context.Context, userID string, kinds ...string) ([]auth.Credential, error) {
				for _, s := range append(slices.Clone(kinds), userID) {
					if err := checkKey(s); err != nil {
						return nil, err
					}
				}
				return b.ref.UserCredentials(ctx, userID, kinds...)
			}
		}, []string{"LoadNotFound", "UserNone", "UserKinds"}},
		{"looking for odd strings is no more than not finding them: to delete them", func(b *bent) {
			b.changeCredentials = func(ctx context.Context, changes ...auth.Change) error {
				for _, c := range changes {
					if c.Old != nil {
						if err := errors.Join(checkKey(c.Old.Kind), checkKey(c.Old.Key)); err != nil {
							return err
						}
					}
				}
				return b.ref.ChangeCredentials(ctx, changes...)
			}
		}, []string{"Delete"}},
		{"whether it has expired is for the caller to say: LoadCredential", func(b *bent) {
			b.loadCredential = func(ctx context.Context, kind, key string) (auth.Credential, error) {
				c, err := b.ref.LoadCredential(ctx, kind, key)
				if err == nil && !c.ExpiresAt.IsZero() && c.ExpiresAt.Before(time.Now()) {
					err = auth.ErrNotFound
				}
				return c, err
			}
		}, []string{"LoadExpired"}},
		{"whether it has expired is for the caller to say: created over", onChanges(func(b *bent, changes []auth.Change) []auth.Change {
			b.mu.Lock()
			defer b.mu.Unlock()
			for _, c := range changes {
				if c.New != nil && c.Old == nil {
					n := [2]string{c.New.Kind, c.New.Key}
					if old := b.credentials[n]; !old.ExpiresAt.IsZero() && old.ExpiresAt.Before(time.Now()) {
						delete(b.credentials, n)
					}
				}
			}
			return changes
		}), []string{"LoadExpired"}},
		{"of all kinds if none is given: none", func(b *bent) {
			b.userCredentials = func(ctx context.Context, userID string, kinds ...string) ([]auth.Credential, error) {
				if kinds == nil {
					kinds = []string{}
				}
				list, err := b.ref.UserCredentials(ctx, userID)
				return slices.DeleteFunc(list, func(c auth.Credential) bool { return !slices.Contains(kinds, c.Kind) }), err
			}
		}, []string{"UserKinds", "RoundTrip"}},
		{"of the given kinds: only the first", func(b *bent) {
			b.userCredentials = func(ctx context.Context, userID string, kinds ...string) ([]auth.Credential, error) {
				return b.ref.UserCredentials(ctx, userID, kinds[:min(1, len(kinds))]...)
			}
		}, []string{"UserKinds"}},
		{"of the given kinds: once for each time it is given", func(b *bent) {
			b.userCredentials = func(ctx context.Context, userID string, kinds ...string) ([]auth.Credential, error) {
				if len(kinds) == 0 {
					return b.ref.UserCredentials(ctx, userID)
				}
				var all []auth.Credential
				for _, kind := range slices.Sorted(slices.Values(kinds)) {
					list, err := b.ref.UserCredentials(ctx, userID, kind)
					if err != nil {
						return nil, err
					}
					all = append(all, list...)
				}
				return all, nil
			}
		}, []string{"UserKinds"}},
		{"in byte order: of letters", orderUserCredentials(func(a, b auth.Credential) int {
			return cmp.Or(strings.Compare(strings.ToLower(a.Kind), strings.ToLower(b.Kind)), strings.Compare(a.Kind, b.Kind), strings.Compare(a.Key, b.Key))
		}), []string{"UserOrder"}},
		{"in byte order of Kind, then Key: of UTF-16", orderUserCredentials(func(a, b auth.Credential) int {
			return cmp.Or(compareUTF16(a.Kind, b.Kind), compareUTF16(a.Key, b.Key))
		}), []string{"UserOrder"}},
		{"in byte order of Kind, then Key: of creation", orderUserCredentials(func(a, b auth.Credential) int {
			return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), strings.Compare(a.Key, b.Key))
		}), []string{"UserOrder"}},
		{"in byte order of Kind, then Key: in that of what was asked for", func(b *bent) {
			b.userCredentials = func(ctx context.Context, userID string, kinds ...string) ([]auth.Credential, error) {
				list, err := b.ref.UserCredentials(ctx, userID, kinds...)
				slices.SortStableFunc(list, func(x, y auth.Credential) int {
					return slices.Index(kinds, x.Kind) - slices.Index(kinds, y.Kind)
				})
				return list, err
			}
		}, []string{"UserOrder"}},
		{"UserCredentials: of that user and of no other: by a prefix of all three, with NUL between them", func(b *bent) {
			b.userCredentials = func(ctx context.Context, userID string, kinds ...string) ([]auth.Credential, error) {
				if user, kind, ok := strings.Cut(userID, "\x00"); ok {
					kind, _, _ = strings.Cut(kind, "\x00")
					return b.ref.UserCredentials(ctx, user, kind)
				}
				return b.ref.UserCredentials(ctx, userID, kinds...)
			}
		}, []string{"UserNone"}},
		{"LoadCredential: kind and key, joined with NUL", func(b *bent) {
			b.loadCredential = func(ctx context.Context, kind, key string) (auth.Credential, error) {
				kind, key, _ = strings.Cut(strings.Trim(kind+"\x00"+key, "\x00"), "\x00")
				return b.ref.LoadCredential(ctx, kind, key)
			}
		}, []string{"LoadNotFound"}},
		{"UserCredentials: having none is not an error", func(b *bent) {
			b.userCredentials = func(ctx context.Context, userID string, kinds ...string) ([]auth.Credential, error) {
				list, err := b.ref.UserCredentials(ctx, userID, kinds...)
				if err == nil && len(list) == 0 {
					err = auth.ErrNotFound
				}
				return list, err
			}
		}, []string{"UserNone"}},
		{"a created credential gets Version 1: New.Version", keepVersion(func(c auth.Change) bool { return c.Old == nil }), []string{"CreateVersion"}},
		{"a replaced one gets one more than Old.Version: New.Version", keepVersion(func(c auth.Change) bool { return c.Old != nil }), []string{"ReplaceVersion"}},
		{"a replaced one gets one more than Old.Version: only if something changed", func(b *bent) {
			b.changeCredentials = func(ctx context.Context, changes ...auth.Change) error {
				if len(changes) == 1 && changes[0].Old != nil && changes[0].New != nil {
					old, err := b.ref.LoadCredential(ctx, changes[0].Old.Kind, changes[0].Old.Key)
					if err == nil && old.Version == changes[0].Old.Version && old.Label == changes[0].New.Label && string(old.Data) == string(changes[0].New.Data) {
						return nil
					}
				}
				return b.ref.ChangeCredentials(ctx, changes...)
			}
		}, []string{"ReplaceVersion"}},
		{"ErrExists if a credential to create is there: replaced", upsert(func(c auth.Change) bool { return c.Old == nil && c.New != nil }), []string{"CreateExists", "CreateAtOnce", "AllOrNone"}},
		{"ErrExists if a credential to create is there: an outage", instead(auth.ErrExists, errDown), []string{"CreateExists", "CreateAtOnce"}},
		{"ErrExists if a credential to create is there: not if it is the user's own", func(b *bent) {
			b.changeCredentials = func(ctx context.Context, changes ...auth.Change) error {
				err := b.ref.ChangeCredentials(ctx, changes...)
				if errors.Is(err, auth.ErrExists) && len(changes) == 1 && changes[0].New != nil {
					if old, _ := b.ref.LoadCredential(ctx, changes[0].New.Kind, changes[0].New.Key); old.UserID == changes[0].New.UserID {
						return nil
					}
				}
				return err
			}
		}, []string{"CreateExists"}},
		{"every verb is atomic: ChangeCredentials looks, then writes", func(b *bent) {
			b.changeCredentials = func(ctx context.Context, changes ...auth.Change) error {
				if err := names(changes); err != nil {
					return err
				}
				for _, c := range changes {
					b.mu.Lock()
					err := errors.Join(ctx.Err(), b.possible(c))
					b.mu.Unlock()
					if err != nil {
						return err
					}
				}
				pause()
				b.mu.Lock()
				defer b.mu.Unlock()
				for _, c := range changes {
					b.apply(c)
				}
				return nil
			}
		}, []string{"CreateAtOnce", "ReplaceAtOnce", "DeleteAtOnce", "OppositeOrder", "LastTwoWaysIn"}},
		{"every field of a replacement is stored: not Generation", onReplace(func(old auth.Credential, c *auth.Credential) { c.Generation = old.Generation }), []string{"Replace"}},
		{"every field of a replacement is stored: not what is empty", onReplace(func(old auth.Credential, c *auth.Credential) {
			if c.Data == nil {
				c.Data = old.Data
			}
		}), []string{"Replace", "RoundTripData"}},
		{"every field of a replacement is stored: not VerifiedAt", onReplace(func(old auth.Credential, c *auth.Credential) { c.VerifiedAt = old.VerifiedAt }), []string{"Replace", "RoundTripTimes"}},
		{"Old's other fields are not looked at: UserID", func(b *bent) {
			b.changeCredentials = func(ctx context.Context, changes ...auth.Change) error {
				for _, c := range changes {
					if c.Old != nil {
						if old, err := b.ref.LoadCredential(ctx, c.Old.Kind, c.Old.Key); err == nil && old.UserID != c.Old.UserID {
							return auth.ErrConflict
						}
					}
				}
				return b.ref.ChangeCredentials(ctx, changes...)
			}
		}, []string{"ReplaceOldIsAName"}},
		{"Old's other fields are not looked at: validated", func(b *bent) {
			b.changeCredentials = func(ctx context.Context, changes ...auth.Change) error {
				for _, c := range changes {
					if c.Old != nil && len(c.Old.Data) > 1<<16 {
						return auth.ErrInvalid
					}
				}
				return b.ref.ChangeCredentials(ctx, changes...)
			}
		}, []string{"ReplaceOldIsAName"}},
		{"ErrNotFound if one to replace is not there: created", upsert(func(c auth.Change) bool { return c.Old != nil && c.New != nil }), []string{"ReplaceNotFound"}},
		{"ErrNotFound if one to replace is not there: ErrConflict", instead(auth.ErrNotFound, auth.ErrConflict), []string{"ReplaceNotFound", "Delete", "DeleteAtOnce", "AllOrNone"}},
		{"ErrNotFound if one to delete is not there: nil", func(b *bent) {
			b.changeCredentials = func(ctx context.Context, changes ...auth.Change) error {
				err := b.ref.ChangeCredentials(ctx, changes...)
				if errors.Is(err, auth.ErrNotFound) && len(changes) == 1 && changes[0].New == nil {
					return nil
				}
				return err
			}
		}, []string{"Delete", "DeleteAtOnce"}},
		{"ErrConflict if its Version is another: replaced all the same", anyVersion(func(c auth.Change) bool { return c.New != nil }), []string{"ReplaceConflict", "ReplaceAtOnce"}},
		{"ErrConflict if its Version is another: deleted all the same", anyVersion(func(c auth.Change) bool { return c.New == nil }), []string{"DeleteConflict", "AllOrNone"}},
		{"ErrConflict if its Version is another: not if it is 0", anyVersion(func(c auth.Change) bool { return c.Old.Version == 0 }), []string{"ReplaceConflict", "DeleteConflict"}},
		{"ErrConflict if its Version is another: ErrNotFound", instead(auth.ErrConflict, auth.ErrNotFound), []string{"ReplaceConflict", "ReplaceAtOnce", "DeleteConflict"}},
		{"New of a replacement has the same UserID", func(b *bent) {
			b.changeCredentials = func(ctx context.Context, changes ...auth.Change) error {
				err := b.ref.ChangeCredentials(ctx, changes...)
				if errors.Is(err, auth.ErrInvalid) && names(changes) == nil {
					b.mu.Lock()
					defer b.mu.Unlock()
					for _, c := range changes {
						b.apply(c)
					}
					return nil
				}
				return err
			}
		}, []string{"ReplaceOwner"}},
		{"New of a replacement has the same UserID: as Old says", func(b *bent) {
			b.changeCredentials = func(ctx context.Context, changes ...auth.Change) error {
				err := b.ref.ChangeCredentials(ctx, changes...)
				if errors.Is(err, auth.ErrInvalid) && names(changes) == nil && changes[0].Old.UserID == changes[0].New.UserID {
					b.mu.Lock()
					defer b.mu.Unlock()
					b.apply(changes[0])
					return nil
				}
				return err
			}
		}, []string{"ReplaceOwner"}},
		{"deletes one: it does not", func(b *bent) {
			b.changeCredentials = func(ctx context.Context, changes ...auth.Change) error {
				before := b.snapshot()
				err := b.ref.ChangeCredentials(ctx, changes...)
				b.mu.Lock()
				defer b.mu.Unlock()
				for _, c := range changes {
					if err == nil && c.New == nil {
						n := [2]string{c.Old.Kind, c.Old.Key}
						b.credentials[n] = before.credentials[n]
					}
				}
				return err
			}
		}, []string{"Delete"}},
		{"deletes one: of every user's", onChanges(func(b *bent, changes []auth.Change) []auth.Change {
			for _, c := range changes {
				if c.New == nil && c.Old != nil && c.Old.Key == "1" {
					b.mu.Lock()
					delete(b.credentials, [2]string{c.Old.Kind, "2"})
					b.mu.Unlock()
				}
			}
			return changes
		}), []string{"Delete"}},
		{"makes all changes or none: one after the other", func(b *bent) {
			b.changeCredentials = func(_ context.Context, changes ...auth.Change) error { return oneByOne(b, func() {}, changes...) }
		}, []string{"AllOrNone"}},
		{"makes all changes or none: until the last", func(b *bent) {
			b.changeCredentials = func(ctx context.Context, changes ...auth.Change) error {
				err := b.ref.ChangeCredentials(ctx, changes...)
				if n := len(changes); err != nil && n > 1 && b.ref.ChangeCredentials(ctx, changes[:n-1]...) == nil {
					return err
				}
				return err
			}
		}, []string{"AllOrNone"}},
		{"makes all changes or none: those that can be made", func(b *bent) {
			b.changeCredentials = func(ctx context.Context, changes ...auth.Change) error {
				err := b.ref.ChangeCredentials(ctx, changes...)
				if err != nil {
					for _, c := range changes {
						_ = b.ref.ChangeCredentials(ctx, c)
					}
				}
				return err
			}
		}, []string{"AllOrNone"}},
		{"ErrInvalid if a change is malformed: neither Old nor New", unlessMalformed(func(changes []auth.Change) bool {
			return len(changes) == 1 && changes[0] == (auth.Change{})
		}), []string{"Malformed"}},
		{"ErrInvalid if a change is malformed: another Key in New", unlessMalformed(func(changes []auth.Change) bool {
			c := changes[0]
			return len(changes) == 1 && c.Old != nil && c.New != nil && c.Old.Key != c.New.Key
		}), []string{"Malformed"}},
		{"ErrInvalid if a change is malformed: another Kind in New", unlessMalformed(func(changes []auth.Change) bool {
			c := changes[0]
			return len(changes) == 1 && c.Old != nil && c.New != nil && c.Old.Kind != c.New.Kind
		}), []string{"Malformed"}},
		{"ErrInvalid if two of them name the same credential: one after the other", func(b *bent) {
			b.changeCredentials = func(ctx context.Context, changes ...auth.Change) error {
				err := b.ref.ChangeCredentials(ctx, changes...)
				if !errors.Is(err, auth.ErrInvalid) || len(changes) != 2 {
					return err
				}
				for _, c := range changes {
					if err := b.ref.ChangeCredentials(ctx, c); err != nil {
						return err
					}
				}
				return nil
			}
		}, []string{"Malformed"}},
		{"ErrInvalid if two of them name the same credential: ErrExists", func(b *bent) {
			b.changeCredentials = func(ctx context.Context, changes ...auth.Change) error {
				err := b.ref.ChangeCredentials(ctx, changes...)
				if len(changes) == 2 && errors.Is(err, auth.ErrInvalid) && changes[0].Old == nil && changes[1].Old == nil {
					return auth.ErrExists
				}
				return err
			}
		}, []string{"Malformed"}},
		{"no changes can be made", func(b *bent) {
			b.changeCredentials = func(ctx context.Context, changes ...auth.Change) error {
				if len(changes) == 0 {
					return auth.ErrInvalid
				}
				return b.ref.ChangeCredentials(ctx, changes...)
			}
		}, []string{"NoChanges"}},
		{"every verb is atomic: deadlocks are outages", func(b *bent) {
			var mu sync.Mutex
			holding := map[[2]string]bool{}
			b.changeCredentials = func(ctx context.Context, changes ...auth.Change) error {
				for _, c := range changes {
					n, err := name(c)
					if err != nil {
						return err
					}
					mu.Lock()
					held := holding[n]
					holding[n] = true
					mu.Unlock()
					if held && len(changes) > 1 {
						return errDown
					}
					defer func() { mu.Lock(); delete(holding, n); mu.Unlock() }()
				}
				pause()
				return b.ref.ChangeCredentials(ctx, changes...)
			}
		}, []string{"OppositeOrder", "LastTwoWaysIn"}},
		{"a replacement of the guard is compared: replaced all the same", func(b *bent) {
			anyVersion(func(c auth.Change) bool { return c.Old.Kind == "account" })(b)
		}, []string{"LastTwoWaysIn"}},
		{"every verb is atomic: UserCredentials kind by kind", func(b *bent) {
			b.userCredentials = func(ctx context.Context, userID string, kinds ...string) ([]auth.Credential, error) {
				if len(kinds) == 0 {
					return b.ref.UserCredentials(ctx, userID)
				}
				var all []auth.Credential
				for _, kind := range slices.Compact(slices.Sorted(slices.Values(kinds))) {
					list, err := b.ref.UserCredentials(ctx, userID, kind)
					if err != nil {
						return nil, err
					}
					all = append(all, list...)
					pause()
				}
				return all, nil
			}
			b.changeCredentials = func(ctx context.Context, changes ...auth.Change) error {
				pause()
				return b.ref.ChangeCredentials(ctx, changes...)
			}
		}, []string{"Atomic"}},
		{"methods are safe for concurrent use: refuses while busy", func(b *bent) {
			var busy sync.Mutex
			b.loadCredential = func(ctx context.Context, kind, key string) (auth.Credential, error) {
				if !busy.TryLock() {
					return auth.Credential{}, errDown
				}
				defer busy.Unlock()
				pause()
				return b.ref.LoadCredential(ctx, kind, key)
			}
		}, []string{"Concurrent"}},
	}
	bends = append(bends, contextBends("LoadCredential", "LoadCredential")...)
	bends = append(bends, contextBends("UserCredentials", "UserCredentials", "UserCredentials_of_a_kind")...)
	return append(bends, contextBends("ChangeCredentials", "create", "replace", "delete")...)
}

// mapNames makes credentials with the same mapped keys one, which loses some.
func mapNames(f func(s string) string) func(b *bent) {
	return func(b *bent) {
		same := func(x, y [2]string) bool { return f(x[0]) == f(y[0]) && f(x[1]) == f(y[1]) }
		b.changeCredentials = func(ctx context.Context, changes ...auth.Change) error {
			if len(changes) == 1 {
				c := changes[0]
				if c.Old != nil && c.New != nil && same([2]string{c.Old.Kind, c.Old.Key}, [2]string{c.New.Kind, c.New.Key}) && (c.Old.Kind != c.New.Kind || c.Old.Key != c.New.Key) {
					return nil
				}
				if c.New != nil && c.Old == nil && c.New.Validate() == nil {
					b.mu.Lock()
					defer b.mu.Unlock()
					for n := range b.credentials {
						if same(n, [2]string{c.New.Kind, c.New.Key}) {
							return auth.ErrExists
						}
					}
					if ctx.Err() == nil {
						b.apply(c)
					}
					return ctx.Err()
				}
			}
			return b.ref.ChangeCredentials(ctx, changes...)
		}
	}
}

// likeUsers returns the credentials of every user that equal says is the user.
func (b *bent) likeUsers(ctx context.Context, userID string, equal func(s, user string) bool, kinds ...string) ([]auth.Credential, error) {
	b.mu.Lock()
	users := map[string]bool{}
	for _, c := range b.credentials {
		users[c.UserID] = true
	}
	b.mu.Unlock()
	var all []auth.Credential
	for u := range users {
		if equal(u, userID) {
			list, err := b.ref.UserCredentials(ctx, u, kinds...)
			if err != nil {
				return nil, err
			}
			all = append(all, list...)
		}
	}
	return all, ctx.Err()
}

func orderUserCredentials(order func(a, b auth.Credential) int) func(b *bent) {
	return func(b *bent) {
		b.userCredentials = func(ctx context.Context, userID string, kinds ...string) ([]auth.Credential, error) {
			list, err := b.ref.UserCredentials(ctx, userID, kinds...)
			slices.SortStableFunc(list, order)
			return list, err
		}
	}
}

// compareUTF16 compares as languages do whose strings are UTF-16.
func compareUTF16(a, b string) int {
	wide := func(s string) string { return strings.ReplaceAll(s, "\U0001f512", "\ud7ff") } // a surrogate is below U+FFFF
	return strings.Compare(wide(a), wide(b))
}

// keepVersion stores New.Version where it should count.
func keepVersion(which func(c auth.Change) bool) func(b *bent) {
	return func(b *bent) {
		b.changeCredentials = func(ctx context.Context, changes ...auth.Change) error {
			err := b.ref.ChangeCredentials(ctx, changes...)
			if err != nil {
				return err
			}
			b.mu.Lock()
			defer b.mu.Unlock()
			for _, c := range changes {
				if c.New != nil && which(c) {
					b.credentials[[2]string{c.New.Kind, c.New.Key}] = keepCredential(c.New, c.New.Version)
				}
			}
			return nil
		}
	}
}

// upsert makes single changes that cannot be made.
func upsert(which func(c auth.Change) bool) func(b *bent) {
	return func(b *bent) {
		b.changeCredentials = func(ctx context.Context, changes ...auth.Change) error {
			err := b.ref.ChangeCredentials(ctx, changes...)
			if !errors.Is(err, auth.ErrExists) && !errors.Is(err, auth.ErrNotFound) {
				return err
			}
			for _, c := range changes {
				if !which(c) {
					continue
				}
				b.mu.Lock()
				b.apply(c)
				b.mu.Unlock()
				err = nil
			}
			return err
		}
	}
}

// anyVersion makes changes whatever the Version is.
func anyVersion(which func(c auth.Change) bool) func(b *bent) {
	return onChanges(func(b *bent, changes []auth.Change) []auth.Change {
		b.mu.Lock()
		defer b.mu.Unlock()
		for i, c := range changes {
			if c.Old == nil || !which(c) {
				continue
			}
			if there, ok := b.credentials[[2]string{c.Old.Kind, c.Old.Key}]; ok {
				old := *c.Old
				old.Version = there.Version
				changes[i].Old = &old
			}
		}
		return changes
	})
}

// onReplace changes what replaces.
func onReplace(change func(old auth.Credential, c *auth.Credential)) func(b *bent) {
	return onChanges(func(b *bent, changes []auth.Change) []auth.Change {
		b.mu.Lock()
		defer b.mu.Unlock()
		for i, c := range changes {
			if c.Old != nil && c.New != nil {
				d := *c.New
				change(b.credentials[[2]string{c.Old.Kind, c.Old.Key}], &d)
				changes[i].New = &d
			}
		}
		return changes
	})
}
