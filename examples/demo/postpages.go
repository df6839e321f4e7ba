package main

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/policy"
)

const postsPerPage = 20

// mountPosts adds the routes of posts. Whoever may not read a post is not told that it
// is there; whoever may, and may not change it, is told so. Forms, which can only POST,
// have paths of their own.
func (s *site) mountPosts(mux *http.ServeMux) {
	m := s.manager
	handle := func(pattern string, guard func(http.Handler) http.Handler, h http.HandlerFunc) {
		mux.Handle(pattern, guard(h))
	}
	readable := m.RequireHidden("posts:read", s.findPost)
	readableAnd := func(action string) func(http.Handler) http.Handler {
		guard := m.RequireObject(action, foundPost)
		return func(next http.Handler) http.Handler { return readable(guard(next)) }
	}
	handle("GET /posts", m.Require("posts:list"), s.listPosts)
	handle("GET /posts/new", m.Require("posts:create"), s.newPost)
	handle("POST /posts", m.Require("posts:create"), s.createPost)
	handle("GET /posts/{id}", readable, s.showPost)
	handle("GET /posts/{id}/edit", readableAnd("posts:edit"), s.editPost)
	handle("PUT /posts/{id}", readableAnd("posts:edit"), s.updatePost)
	handle("POST /posts/{id}/edit", readableAnd("posts:edit"), s.updatePost)
	handle("DELETE /posts/{id}", readableAnd("posts:delete"), s.deletePost)
	handle("POST /posts/{id}/delete", readableAnd("posts:delete"), s.deletePost)
}

// findPost finds the post that the path names.
func (s *site) findPost(r *http.Request) (any, error) {
	id := r.PathValue("id")
	if !isPostID(id) {
		return nil, auth.ErrNotFound
	}
	p, err := s.posts.Load(r.Context(), id)
	if err != nil {
		return nil, err
	}
	return p, nil
}

// foundPost returns the post that a guard has found.
func foundPost(r *http.Request) (any, error) {
	p, _ := auth.ObjectFrom[*post](r.Context())
	return p, nil
}

// postsShown is what the page with the list has on it, and what it is in JSON.
type postsShown struct {
	asker
	Posts []*post `json:"posts"`
	Next  string  `json:"next,omitempty"` // to be sent as before
}

// postShown is the same of a single one.
type postShown struct {
	asker
	*post
}

// Exists reports whether there is a post already.
func (p postShown) Exists() bool { return p.post != nil }

func (s *site) listPosts(w http.ResponseWriter, r *http.Request) {
	list, next, err := s.readablePosts(r.Context(), r.URL.Query().Get("before"))
	if err != nil {
		s.manager.Refuse(w, r, err)
		return
	}
	s.answer(w, r, &auth.Page{Name: "posts", Data: postsShown{s.asks(r), list, next}})
}

// readablePosts returns a page of those that who is asking may read. The database looks
// for them where the authorizer can say which these are; where it cannot, it is asked
// about one after the other.
func (s *site) readablePosts(ctx context.Context, before string) (list []*post, next string, err error) {
	if before != "" && !isPostID(before) {
		return nil, "", &auth.Problem{Status: http.StatusBadRequest, Code: "invalid_field", Field: "before", Detail: "There is no such page."}
	}
	which, err := policy.Filter(ctx, s.manager, "posts:read", "post")
	switch {
	case errors.Is(err, policy.ErrNoFilter):
		list, err = s.selectPosts(ctx, before)
	case err == nil:
		list, err = s.posts.List(ctx, which, before, postsPerPage+1)
	}
	if err != nil {
		return nil, "", err
	}
	if len(list) > postsPerPage {
		list = list[:postsPerPage]
		next = list[postsPerPage-1].ID
	}
	return append([]*post{}, list...), next, nil // in JSON none are [], not null
}

func (s *site) selectPosts(ctx context.Context, before string) (list []*post, err error) {
	for more := true; more && len(list) <= postsPerPage; {
		all, err := s.posts.List(ctx, policy.All(), before, 2*postsPerPage)
		if err != nil {
			return nil, err
		}
		some, err := policy.Select(ctx, s.manager, "posts:read", all)
		if err != nil {
			return nil, err
		}
		list = append(list, some...)
		if more = len(all) == 2*postsPerPage; more {
			before = all[len(all)-1].ID
		}
	}
	return list, nil
}

func (s *site) showPost(w http.ResponseWriter, r *http.Request) {
	p, _ := auth.ObjectFrom[*post](r.Context())
	s.answer(w, r, &auth.Page{Name: "post", Title: p.Title, Data: postShown{s.asks(r), p}})
}

func (s *site) newPost(w http.ResponseWriter, r *http.Request) { s.showForm(w, r, nil, nil, nil) }

func (s *site) editPost(w http.ResponseWriter, r *http.Request) {
	p, _ := auth.ObjectFrom[*post](r.Context())
	s.showForm(w, r, p, map[string]string{"title": p.Title, "body": p.Body}, nil)
}

// showForm shows the form for a post, which is nil for a new one, with what was sent
// and what is wrong with that.
func (s *site) showForm(w http.ResponseWriter, r *http.Request, p *post, sent map[string]string, problem error) {
	if errors.Is(problem, auth.ErrNoCredentials) { // logged out meanwhile
		s.manager.Refuse(w, r, problem)
		return
	}
	title := "Write a post"
	if p != nil {
		title = "Edit the post"
	}
	w.Header().Add("Vary", "Accept")
	s.manager.Answer(w, r, &auth.Page{Name: "write", Title: title, Data: postShown{s.asks(r), p}, Forms: []auth.Form{{Name: "post", Fields: []auth.Field{
		{Name: "title", Label: "Title", Type: "text", Value: sent["title"], MaxLength: maxTitle},
		{Name: "body", Label: "Text", Type: "text", Value: sent["body"], MaxLength: maxBody, Optional: true},
	}}}}, problem)
}

func (s *site) createPost(w http.ResponseWriter, r *http.Request) {
	now := s.manager.Now()
	p := &post{ID: newPostID(now), CreatedAt: now.Truncate(time.Second)} // MySQL keeps no more
	id, err := s.manager.IdentityFrom(r.Context())
	if err == nil {
		p.Owner = id.UserID
	}
	sent, err := s.read(w, r, "title", "body")
	if err == nil {
		err = p.write(sent)
	}
	if err == nil {
		err = s.posts.Create(r.Context(), p)
	}
	if err != nil {
		s.showForm(w, r, nil, sent, err)
		return
	}
	s.done(w, r, "/posts/"+p.ID, "posts.created", &auth.Page{Status: http.StatusCreated, Data: p})
}

func (s *site) updatePost(w http.ResponseWriter, r *http.Request) {
	old, _ := auth.ObjectFrom[*post](r.Context())
	p := *old // what was found stays what it is
	sent, err := s.read(w, r, "title", "body")
	// The guard has decided before: whoever sends slowly may have lost the role meanwhile.
	if no := s.manager.Authorize(r.Context(), "posts:edit", old); no != nil {
		s.manager.Refuse(w, r, no)
		return
	}
	if err == nil {
		err = p.write(sent)
	}
	if err == nil {
		err = s.posts.Update(r.Context(), &p)
	}
	if err != nil {
		s.showForm(w, r, old, sent, notThere(err))
		return
	}
	s.done(w, r, "/posts/"+p.ID, "posts.saved", &auth.Page{Data: &p})
}

func (s *site) deletePost(w http.ResponseWriter, r *http.Request) {
	p, _ := auth.ObjectFrom[*post](r.Context())
	if err := s.posts.Delete(r.Context(), p.ID); err != nil {
		s.manager.Refuse(w, r, notThere(err))
		return
	}
	s.done(w, r, "/posts", "posts.deleted", nil)
}

// notThere is how what has gone meanwhile is answered.
func notThere(err error) error {
	if !errors.Is(err, auth.ErrNotFound) {
		return err
	}
	return &auth.Problem{Status: http.StatusNotFound, Code: "not_found", Detail: "There is nothing here.", Err: err}
}
