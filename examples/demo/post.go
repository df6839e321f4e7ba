package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"regexp"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/uptrace/bun"

	"github.com/gatehouse-go/gatehouse/auth"
)

// A post is what people write here.
type post struct {
	bun.BaseModel `bun:"table:demo_posts" json:"-"`

	ID        string    `bun:"id,pk,type:varchar(32)" json:"id"`
	Tenant    string    `bun:"tenant,notnull,type:varchar(255)" json:"-"`    // "": there are none here
	Owner     string    `bun:"owner,notnull,type:varchar(255)" json:"owner"` // a user's ID
	Title     string    `bun:"title,notnull,type:varchar(200)" json:"title"`
	Body      string    `bun:"body,notnull,type:text" json:"body"`
	CreatedAt time.Time `bun:"created_at,notnull" json:"created_at"`
}

// What a post may have, in characters.
const (
	maxTitle = 200
	maxBody  = 10_000
)

// AuthObject says what policies can know of a post.
func (p *post) AuthObject() auth.Object {
	return auth.Object{Type: "post", ID: p.ID, Tenant: p.Tenant, Owner: p.Owner}
}

// AfterScanRow is asked by bun.
func (p *post) AfterScanRow(context.Context) error {
	p.CreatedAt = p.CreatedAt.UTC()
	return nil
}

// newPostID returns an ID that nobody can guess. Those of later posts are greater.
func newPostID(now time.Time) string {
	return fmt.Sprintf("%011x%s", now.UnixMilli(), strings.ToLower(rand.Text()[:13]))
}

// isPostID reports whether a post can have the ID.
var isPostID = regexp.MustCompile(`^[0-9a-z]{24}$`).MatchString

// write sets the title and the body to what was sent, or returns what is wrong with
// it.
func (p *post) write(sent map[string]string) error {
	title, body := strings.TrimSpace(sent["title"]), strings.ReplaceAll(sent["body"], "\r\n", "\n") // forms send the latter
	switch {
	case title == "":
		return invalid("title", "A post needs a title.")
	case strings.ContainsAny(title, "\r\n"):
		return invalid("title", "A title is one line.")
	}
	for _, field := range []struct {
		name, value string
		max         int
	}{{"title", title, maxTitle}, {"body", body, maxBody}} {
		switch {
		case !utf8.ValidString(field.value):
			return invalid(field.name, "This is not UTF-8.")
		case strings.Contains(field.value, "\x00"):
			return invalid(field.name, "This has a character in it that cannot be kept.")
		case utf8.RuneCountInString(field.value) > field.max:
			return invalid(field.name, fmt.Sprintf("This has more than %d characters.", field.max))
		}
	}
	p.Title, p.Body = title, body
	return nil
}
