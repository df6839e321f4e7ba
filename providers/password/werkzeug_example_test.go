package password_test

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/providers/password"
	"github.com/gatehouse-go/gatehouse/stores/memory"
)

// A flaskUser is a row of the users table that a Flask application has left.
type flaskUser struct{ id, username, hash string }

func (u *flaskUser) AuthID() string { return u.id }

// flaskUsers stands for the table.
type flaskUsers []*flaskUser

func newFlaskUsers() flaskUsers {
	return flaskUsers{
		{"1", "Ada", "scrypt:32768:8:1$Wm4tRz8qLx2Kd9Jp$36b93fa83d3d3a47e94e54ce0a4204c7c91e61e9069d41cefa306b85170857c3a105a505516a3ff9af0b38439f2d56e79c59bb12c3ebb33d0cc8982598d7015d"},
		{"2", "ada", "sha256$aB3dE6gH$ca7df9dd9acbde78b624ed94b0d18e90b295e44995c55b53675e39b3281c4b0a"},
	}
}

func (us flaskUsers) find(is func(*flaskUser) bool) (*flaskUser, error) {
	for _, u := range us {
		if is(u) {
			return u, nil
		}
	}
	return nil, auth.ErrNotFound
}

func (us flaskUsers) byID(_ context.Context, id string) (*flaskUser, error) {
	return us.find(func(u *flaskUser) bool { return u.id == id })
}

// The users table of a Flask application stays where it is: people log in by what
// is in it, and each login puts a better hash in the place of Werkzeug's.
func ExampleWerkzeug() {
	users := newFlaskUsers()
	provider := password.New(&password.Options{
		Login:      password.ByUsername,
		OldHashers: []password.Hasher{password.Werkzeug{}},
		Table: &password.Table{
			LookUp: func(_ context.Context, login string) (userID, hash string, err error) {
				// SELECT id, password_hash FROM users WHERE username = $1
				u, err := users.find(func(u *flaskUser) bool { return u.username == login })
				if err != nil {
					return "", "", err
				}
				return u.id, u.hash, nil
			},
			Name: func(ctx context.Context, userID string) (login string, err error) {
				// SELECT username FROM users WHERE id = $1
				u, err := users.byID(ctx, userID)
				if err != nil {
					return "", err
				}
				return u.username, nil
			},
			Save: func(_ context.Context, userID, oldHash, newHash string) error {
				// UPDATE users SET password_hash = $3 WHERE id = $1 AND password_hash = $2
				u, err := users.find(func(u *flaskUser) bool { return u.id == userID && u.hash == oldHash })
				if err != nil {
					return auth.ErrConflict
				}
				u.hash = newHash
				return nil
			},
		},
	})
	_, err := auth.New(auth.UserFunc(users.byID), memory.New(nil), &auth.Options{Providers: []auth.Provider{provider}})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(users[0].hash[:16])
	userID, _, err := provider.Verify(context.Background(), "Ada", "tr0mbone & 3 sisters")
	fmt.Println(userID, err, users[0].hash[:7])
	// Output:
	// scrypt:32768:8:1
	// 1 <nil> $2a$12$
}

// An importer is the users table while it is being imported: whom Gatehouse wants
// to create is there already.
type importer struct{ flaskUsers }

func (us importer) LoadUser(ctx context.Context, id string) (auth.User, error) {
	return us.byID(ctx, id)
}

func (us importer) CreateUser(_ context.Context, p auth.Profile) (id string, err error) {
	u, err := us.find(func(u *flaskUser) bool { return u.username == p.Username })
	if err != nil {
		return "", err
	}
	return u.id, nil
}

// Names and hashes move into the store's credentials, once; the table keeps what
// else there is of a user. A name that is taken, or is none by Gatehouse's rules,
// is reported, and its user needs another one.
func ExampleWerkzeug_import() {
	ctx := context.Background()
	users := newFlaskUsers()
	provider := password.New(&password.Options{
		Login:      password.ByUsername,
		OldHashers: []password.Hasher{password.Werkzeug{}},
	})
	m, err := auth.New(importer{users}, memory.New(nil), &auth.Options{
		Providers: []auth.Provider{provider},
		Logger:    slog.New(slog.DiscardHandler), // or the default: an event for each user
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, u := range users {
		_, err := m.CreateUser(ctx, auth.Profile{Username: u.username}, func(userID string) []auth.Credential {
			return []auth.Credential{{Kind: "password", Key: userID, Data: []byte(u.hash), Generation: 1}}
		})
		fmt.Println(u.username, err)
	}
	userID, _, err := provider.Verify(ctx, "ada", "tr0mbone & 3 sisters")
	fmt.Println(userID, err)
	// Output:
	// Ada <nil>
	// ada auth: already exists: username
	// 1 <nil>
}
