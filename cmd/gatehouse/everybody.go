package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect"

	"github.com/gatehouse-go/gatehouse/auth"
)

// rememberKind is the kind of credential that a remembered browser is.
const rememberKind = "remember"

// atOnce bounds what one statement, or one transaction, is about.
const atOnce = 500

// everybody ends all sessions of the site, and what would begin new ones: first
// the remembered browsers and the half-done logins, then the sessions, and then
// the browsers again that somebody had remembered in between.
func (c *sessionsRevokeCmd) everybody(a *app, s *site) error {
	whose := "Everybody"
	if a.flags.Realm != "" {
		whose = "Everybody in the realm " + a.flags.Realm
	}
	if err := a.confirm(c.Yes, whose+" will be logged out and has to log in again."); err != nil {
		return err
	}
	n := 0
	err := s.forgetBrowsers(a.ctx)
	if err == nil {
		err = s.endTickets(a.ctx)
	}
	if err == nil {
		n, err = s.endSessions(a.ctx)
	}
	if err == nil {
		err = s.forgetBrowsers(a.ctx)
	}
	if err != nil {
		fmt.Fprintf(a.stderr, "gatehouse: ended %s before it stopped; call it again for the rest\n", count(n, "session"))
		return err
	}
	return a.revoked("", n)
}

// realmPrefix is what package auth puts before the user IDs and kinds of a realm.
func (s *site) realmPrefix() string {
	if s.Realm() == "" {
		return ""
	}
	return "\x1e" + s.Realm() + "\x1f"
}

// endSessions ends the sessions of everybody, wherever they are, and returns how
// many there were.
func (s *site) endSessions(ctx context.Context) (total int, err error) {
	switch {
	case s.redis != nil:
		return s.redis.DeleteAllSessions(ctx, s.realmPrefix())
	case s.realmPrefix() == "":
		for {
			n, err := s.db.DeleteAllSessions(ctx, atOnce)
			total += n
			if err != nil || n == 0 {
				return total, err
			}
		}
	}
	err = s.eachUser(ctx, "sessions", func(userID string) error {
		all, err := s.Store().UserSessions(ctx, userID)
		if err == nil {
			err = s.Store().DeleteUserSessions(ctx, userID)
		}
		if err == nil {
			total += len(all)
		}
		return err
	})
	return total, err
}

// endTickets ends what waits for an answer of somebody.
func (s *site) endTickets(ctx context.Context) error {
	if s.redis != nil {
		if err := s.redis.DeleteAllTickets(ctx, s.realmPrefix()); err != nil {
			return err
		}
	}
	return s.eachUser(ctx, "tickets", func(userID string) error {
		return s.db.DeleteUserTickets(ctx, s.realmPrefix()+userID)
	})
}

// eachUser calls f with each user of the realm whom the table knows.
func (s *site) eachUser(ctx context.Context, table string, f func(userID string) error) error {
	prefix := s.realmPrefix()
	for after := prefix; ; {
		var ids []string
		err := s.db.DB(ctx).NewSelect().Table(s.prefix+table).ColumnExpr("DISTINCT user_id").
			Where("user_id > ?", s.text(after)).Where("user_id < ?", s.text(prefix+"\U0010ffff")).
			Order("user_id").Limit(atOnce).Scan(ctx, &ids)
		if err != nil {
			return err
		}
		for _, id := range ids {
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := f(id[len(prefix):]); err != nil {
				return err
			}
		}
		if len(ids) < atOnce {
			return nil
		}
		after = ids[len(ids)-1]
	}
}

// forgetBrowsers forgets the remembered browsers of everybody.
func (s *site) forgetBrowsers(ctx context.Context) error {
	for kind := ""; ; {
		var next []string
		// From one kind to the next: each is a search, where DISTINCT would read
		// the whole table.
		err := s.db.DB(ctx).NewSelect().Table(s.prefix+"credentials").Column("kind").
			Where("kind > ?", s.text(kind)).Order("kind").Limit(1).Scan(ctx, &next)
		if err != nil || len(next) == 0 {
			return err
		}
		kind = next[0]
		if kind == s.realmPrefix()+rememberKind || s.Realm() == "" && strings.HasSuffix(kind, "\x1f"+rememberKind) {
			if err := s.forgetKind(ctx, kind); err != nil {
				return err
			}
		}
	}
}

func (s *site) forgetKind(ctx context.Context, kind string) error {
	for after := ""; ; {
		list, err := s.browsers(ctx, kind, after)
		if err != nil || len(list) == 0 {
			return err
		}
		for i := range list {
			if err := s.forget(ctx, list[i]); err != nil {
				return err
			}
		}
		after = list[len(list)-1].Key
	}
}

func (s *site) browsers(ctx context.Context, kind, after string) (list []auth.Credential, err error) {
	rows, err := s.db.DB(ctx).NewSelect().Table(s.prefix+"credentials").Column("credential_key", "version").
		Where("kind = ?", s.text(kind)).Where("credential_key > ?", s.text(after)).
		Order("credential_key").Limit(atOnce).Rows(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		c := auth.Credential{Kind: kind}
		if err := rows.Scan(&c.Key, &c.Version); err != nil {
			return nil, err
		}
		list = append(list, c)
	}
	return list, rows.Err()
}

// forget deletes a credential, whoever changes it meanwhile.
func (s *site) forget(ctx context.Context, c auth.Credential) error {
	for {
		err := s.db.ChangeCredentials(ctx, auth.Change{Old: &c})
		if !errors.Is(err, auth.ErrConflict) {
			if errors.Is(err, auth.ErrNotFound) {
				err = nil
			}
			return err
		}
		if c, err = s.db.LoadCredential(ctx, c.Kind, c.Key); errors.Is(err, auth.ErrNotFound) {
			return nil
		} else if err != nil {
			return err
		}
	}
}

// text is s as it is written for a column of text: those of SQLite hold text,
// those of the others bytes. Bun would write them for PostgreSQL with a
// backslash, which some servers are set to take for something else.
func (s *site) text(v string) any {
	switch s.db.DB(context.Background()).Dialect().Name() {
	case dialect.SQLite:
		return v
	case dialect.PG:
		return bun.Safe("decode('" + hex.EncodeToString([]byte(v)) + "', 'hex')")
	}
	return []byte(v)
}
