package authtest_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/authtest"
)

// notes is an auth.Flashes that is correct: a cookie with JSON in it. Its fields
// bend it; what is nil is as it should be.
type notes struct {
	add    func(list []auth.Flash, f auth.Flash) []auth.Flash
	take   func(list []auth.Flash) []auth.Flash
	valid  func(f auth.Flash) error
	read   func(value string) ([]auth.Flash, error)
	held   func(n *notes, w http.ResponseWriter, r *http.Request) string
	set    func(h http.Header, line string)
	delete func(n *notes, w http.ResponseWriter, r *http.Request)
}

const notesName = "notes"

func newNotes(bend func(n *notes)) *notes {
	n := &notes{
		add: func(list []auth.Flash, f auth.Flash) []auth.Flash {
			if slices.Contains(list, f) {
				return list
			}
			return append(list, f)
		},
		take:  func(list []auth.Flash) []auth.Flash { return list },
		valid: auth.Flash.Validate,
		read: func(value string) (list []auth.Flash, err error) {
			plain, err := url.QueryUnescape(value)
			if err != nil || json.Unmarshal([]byte(plain), &list) != nil {
				return nil, nil
			}
			return list, nil
		},
		held: func(_ *notes, w http.ResponseWriter, r *http.Request) string {
			if set := pendingNotes(w); set != nil {
				return *set
			}
			if c, err := r.Cookie(notesName); err == nil {
				return c.Value
			}
			return ""
		},
		set: func(h http.Header, line string) {
			lines := slices.DeleteFunc(slices.Clone(h["Set-Cookie"]), func(l string) bool { return strings.HasPrefix(l, notesName+"=") })
			if line != "" {
				lines = append(lines, line)
			}
			delete(h, "Set-Cookie")
			if len(lines) > 0 {
				h["Set-Cookie"] = lines
			}
		},
		delete: func(n *notes, w http.ResponseWriter, r *http.Request) {
			if _, err := r.Cookie(notesName); err == nil {
				n.set(w.Header(), notesName+"=; Path=/; Max-Age=0")
				return
			}
			n.set(w.Header(), "")
		},
	}
	bend(n)
	return n
}

func pendingNotes(w http.ResponseWriter) *string {
	for _, l := range w.Header()["Set-Cookie"] {
		if v, ours := strings.CutPrefix(l, notesName+"="); ours {
			v, _, _ = strings.Cut(v, ";")
			return &v
		}
	}
	return nil
}

func (n *notes) Add(w http.ResponseWriter, r *http.Request, f auth.Flash) error {
	if err := n.valid(f); err != nil {
		return err
	}
	list, err := n.read(n.held(n, w, r))
	if err != nil {
		return err
	}
	list = n.add(list, f)
	b, err := json.Marshal(list[max(0, len(list)-8):])
	if err != nil {
		return err
	}
	n.set(w.Header(), notesName+"="+url.QueryEscape(string(b))+"; Path=/")
	return nil
}

func (n *notes) Take(w http.ResponseWriter, r *http.Request) ([]auth.Flash, error) {
	list, err := n.read(n.held(n, w, r))
	if err != nil {
		return nil, err
	}
	n.delete(n, w, r)
	return n.take(list), nil
}

// sharedNotes are the same for every browser.
type sharedNotes struct {
	mu   sync.Mutex
	list []auth.Flash
}

func (n *sharedNotes) Add(_ http.ResponseWriter, _ *http.Request, f auth.Flash) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if err := f.Validate(); err != nil || slices.Contains(n.list, f) {
		return err
	}
	n.list = append(n.list, f)
	return nil
}

func (n *sharedNotes) Take(http.ResponseWriter, *http.Request) ([]auth.Flash, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	list := n.list
	n.list = nil
	return list, nil
}

// hastyNotes can be used by one caller at a time.
type hastyNotes struct {
	*notes
	busy sync.Mutex
}

func (n *hastyNotes) Add(w http.ResponseWriter, r *http.Request, f auth.Flash) error {
	if !n.busy.TryLock() {
		return errDown
	}
	defer n.busy.Unlock()
	pause()
	return n.notes.Add(w, r, f)
}

func flashesSuite() suite {
	test := func(t *testing.T, open func() auth.Flashes) {
		authtest.TestFlashes(t, func(*testing.T) auth.Flashes { return open() })
	}
	s := suite{name: "Flashes", correct: func(t *testing.T) {
		test(t, func() auth.Flashes { return newNotes(func(*notes) {}) })
	}}
	for _, b := range []struct {
		sentence string
		bend     func(n *notes)
		want     []string
	}{
		{"Add keeps f: not the category", func(n *notes) {
			add := n.add
			n.add = func(list []auth.Flash, f auth.Flash) []auth.Flash { return add(list, auth.Flash{ID: f.ID}) }
		}, []string{"Kept", "Same"}},
		{"for the next page: until the next request", func(n *notes) {
			n.held = func(_ *notes, w http.ResponseWriter, r *http.Request) string {
				if set := pendingNotes(w); set != nil {
					return *set
				}
				return ""
			}
		}, []string{"Kept", "Order", "Concurrent"}},
		{"behind those that are there: before", func(n *notes) {
			n.add = func(list []auth.Flash, f auth.Flash) []auth.Flash {
				if slices.Contains(list, f) {
					return list
				}
				return append([]auth.Flash{f}, list...)
			}
		}, []string{"Order", "Many"}},
		{"behind those that are there: alone", func(n *notes) {
			n.add = func(_ []auth.Flash, f auth.Flash) []auth.Flash { return []auth.Flash{f} }
		}, []string{"Order", "Many", "SameRequest"}},
		{"kept once: each time", func(n *notes) {
			n.add = func(list []auth.Flash, f auth.Flash) []auth.Flash { return append(list, f) }
		}, []string{"Same"}},
		{"kept once: whatever the category", func(n *notes) {
			n.add = func(list []auth.Flash, f auth.Flash) []auth.Flash {
				if slices.ContainsFunc(list, func(g auth.Flash) bool { return g.ID == f.ID }) {
					return list
				}
				return append(list, f)
			}
		}, []string{"Same"}},
		{"the newest are kept: the oldest", func(n *notes) {
			add := n.add
			n.add = func(list []auth.Flash, f auth.Flash) []auth.Flash {
				if len(list) == 8 {
					return list
				}
				return add(list, f)
			}
		}, []string{"Many"}},
		{"8 at least: 7", func(n *notes) {
			add := n.add
			n.add = func(list []auth.Flash, f auth.Flash) []auth.Flash {
				list = add(list, f)
				return list[max(0, len(list)-7):]
			}
		}, []string{"Many"}},
		{"ErrInvalid: kept", func(n *notes) { n.valid = func(auth.Flash) error { return nil } }, []string{"Invalid"}},
		{"ErrInvalid: an error of its own", func(n *notes) {
			n.valid = func(f auth.Flash) error {
				if f.Validate() != nil {
					return errDown
				}
				return nil
			}
		}, []string{"Invalid"}},
		{"oldest first: newest first", func(n *notes) {
			n.take = func(list []auth.Flash) []auth.Flash { slices.Reverse(list); return list }
		}, []string{"Order", "Forgotten", "OtherCookies"}},
		{"and forgets them: keeps them", func(n *notes) { n.delete = func(*notes, http.ResponseWriter, *http.Request) {} },
			[]string{"Forgotten", "SameRequest"}},
		{"and forgets them: with the next request only", func(n *notes) {
			n.held = func(_ *notes, w http.ResponseWriter, r *http.Request) string {
				if set := pendingNotes(w); set != nil && *set != "" {
					return *set
				}
				if c, err := r.Cookie(notesName); err == nil {
					return c.Value
				}
				return ""
			}
		}, []string{"Forgotten", "AfterTake"}},
		{"and forgets them: with other attributes", func(n *notes) {
			n.delete = func(n *notes, w http.ResponseWriter, r *http.Request) {
				if _, err := r.Cookie(notesName); err == nil {
					n.set(w.Header(), notesName+"=; Path=/page; Max-Age=0")
				} else {
					n.set(w.Header(), "")
				}
			}
		}, []string{"Forgotten", "SameRequest"}},
		{"those that were added in the same request: not those", func(n *notes) {
			n.held = func(_ *notes, _ http.ResponseWriter, r *http.Request) string {
				if c, err := r.Cookie(notesName); err == nil {
					return c.Value
				}
				return ""
			}
		}, []string{"SameRequest", "Order"}},
		{"those that were added in the same request: and a cookie for nothing", func(n *notes) {
			n.delete = func(n *notes, w http.ResponseWriter, r *http.Request) {
				if _, err := r.Cookie(notesName); err == nil || pendingNotes(w) != nil {
					n.set(w.Header(), notesName+"=; Path=/; Max-Age=0")
				}
			}
		}, []string{"SameRequest"}},
		{"what cannot be read is none: an error", func(n *notes) {
			n.read = func(value string) (list []auth.Flash, err error) {
				if value == "" {
					return nil, nil
				}
				plain, err := url.QueryUnescape(value)
				return list, errors.Join(err, json.Unmarshal([]byte(plain), &list))
			}
		}, []string{"Unreadable"}},
		{"what cannot be read is none: something", func(n *notes) {
			read := n.read
			n.read = func(value string) ([]auth.Flash, error) {
				list, err := read(value)
				if value != "" && list == nil {
					list = []auth.Flash{{ID: "unreadable"}}
				}
				return list, err
			}
		}, []string{"Unreadable"}},
		{"nothing is written: the cookie is deleted", func(n *notes) {
			n.delete = func(n *notes, w http.ResponseWriter, _ *http.Request) {
				n.set(w.Header(), notesName+"=; Path=/; Max-Age=0")
			}
		}, []string{"Nothing", "SameRequest"}},
		{"nothing is written: Vary", func(n *notes) {
			del := n.delete
			n.delete = func(n *notes, w http.ResponseWriter, r *http.Request) {
				w.Header().Add("Vary", "Cookie")
				del(n, w, r)
			}
		}, []string{"Nothing"}},
		{"leaves alone whatever else the response sets: drops it", func(n *notes) {
			n.set = func(h http.Header, line string) {
				delete(h, "Set-Cookie")
				if line != "" {
					h.Set("Set-Cookie", line)
				}
			}
		}, []string{"OtherCookies"}},
		{"leaves alone whatever else the response sets: twice", func(n *notes) {
			n.set = func(h http.Header, line string) {
				if line != "" {
					h["Set-Cookie"] = append([]string{line}, h["Set-Cookie"]...)
				}
			}
		}, []string{"OtherCookies"}},
		{"leaves alone whatever else the response sets: in place", func(n *notes) {
			set := n.set
			n.set = func(h http.Header, line string) {
				if old := h["Set-Cookie"]; line != "" && pendingNotes(answer{h}) == nil {
					h["Set-Cookie"] = append(old, line)
					return
				}
				set(h, line)
			}
		}, []string{"OtherCookies"}},
	} {
		s.broken = append(s.broken, broken{b.sentence, func(t *testing.T) {
			test(t, func() auth.Flashes { return newNotes(b.bend) })
		}, b.want})
	}
	s.broken = append(s.broken,
		broken{"each browser has its own: shared", func(t *testing.T) {
			test(t, func() auth.Flashes { return &sharedNotes{} })
		}, []string{"OtherBrowser"}},
		broken{"called concurrently: one at a time", func(t *testing.T) {
			test(t, func() auth.Flashes { return &hastyNotes{notes: newNotes(func(*notes) {})} })
		}, []string{"Concurrent"}})
	return s
}

// answer is a header to be looked at.
type answer struct{ header http.Header }

func (a answer) Header() http.Header       { return a.header }
func (a answer) Write([]byte) (int, error) { return 0, errDown }
func (a answer) WriteHeader(int)           {}
