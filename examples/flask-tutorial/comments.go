package main

import (
	"database/sql"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/gatehouse-go/gatehouse/auth"
)

// A Comment is a row of the table of comments, with its author.
type Comment struct {
	ID       int64  `bun:",pk,autoincrement" json:"id"`
	AuthorID int64  `bun:",notnull" json:"-"`
	Author   *User  `bun:"rel:belongs-to,join:author_id=id" json:"author"`
	Body     string `bun:",notnull" json:"body"`
}

// list returns the newest comments, the newest first.
func (s *site) list(r *http.Request) ([]*Comment, error) {
	cs := []*Comment{}
	err := s.db.DB(r.Context()).NewSelect().Model(&cs).Relation("Author").Order("comment.id DESC").Limit(100).Scan(r.Context())
	return cs, err
}

// add keeps a comment of who is asking, sent as a form or in JSON.
func (s *site) add(r *http.Request) (*Comment, error) {
	sent := struct{ Body string }{r.PostFormValue("body")}
	if r.Header.Get("Content-Type") == "application/json" {
		if err := json.NewDecoder(r.Body).Decode(&sent); err != nil {
			return nil, &auth.Problem{Status: 400, Code: "malformed", Detail: "This is not JSON."}
		}
	}
	if strings.TrimSpace(sent.Body) == "" || len(sent.Body) > 2000 || !utf8.ValidString(sent.Body) {
		return nil, &auth.Problem{Status: 422, Code: "invalid_field", Field: "body", Detail: "A comment has 1 to 2,000 bytes of text."}
	}
	user, _ := auth.UserFrom[*User](r.Context()) // there is one, who may write
	c := &Comment{AuthorID: user.ID, Author: user, Body: sent.Body}
	_, err := s.db.DB(r.Context()).NewInsert().Model(c).Exec(r.Context())
	return c, err
}

// remove deletes a comment, if who is asking may.
func (s *site) remove(r *http.Request) (*Comment, error) {
	ctx, c := r.Context(), new(Comment)
	err := s.db.DB(ctx).NewSelect().Model(c).Relation("Author").Where("comment.id = ?", r.PathValue("id")).Scan(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, &auth.Problem{Status: 404, Code: "not_found", Detail: "There is no such comment."}
	}
	if err == nil {
		err = s.auth.Authorize(ctx, "comments:delete", c)
	}
	if err == nil {
		_, err = s.db.DB(ctx).NewDelete().Model(c).WherePK().Exec(ctx)
	}
	return c, err
}
