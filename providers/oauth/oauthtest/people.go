package oauthtest

import (
	"errors"
	"fmt"
	"hash/fnv"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// A Person has an account at every service of a [Server].
type Person struct {
	// Login is the name to log in with: GitHub's login, Twitter's screen name,
	// the claim preferred_username. Required, and nobody else's. People can
	// change it, and then somebody else can take it, as on GitHub.
	Login string
	// Name is the full name. Default Login.
	Name string
	// Email is the address, GitHub's primary one. Default none.
	Email string
	// EmailVerified is the claim email_verified, sent as it is: true, "true", 1.
	// GitHub says verified if it is true or "true"; Google's userinfo and Apple
	// have their own spelling. Default nil: the claim is missing.
	EmailVerified any
	// Emails are further addresses, for GitHub's list.
	Emails []Address
	// PublicEmail is what GitHub's profile shows to everybody. Default none, as
	// with most people.
	PublicEmail string
	// AppleRelay is the address that Apple gives in place of Email to hide it.
	AppleRelay string
	// HostedDomain is Google's hd: the domain of the organisation.
	HostedDomain string
	// Picture is the URL of a picture. Default none.
	Picture string
	// Claims are further claims of ID tokens and userinfo, of [OIDC], [Google]
	// and [Apple].
	Claims map[string]any

	// Subject identifies the person for ever, and is the claim sub at [OIDC]. It
	// is nobody else's. Default a number made from the first Login.
	Subject string
	// Subjects are what the person is called at other services: see
	// [Person.SubjectAt]. At GitHub it is an integer. Two people can have the
	// same, as at services that are broken.
	Subjects map[Service]string
}

// An Address is one of a person's e-mail addresses at GitHub.
type Address struct {
	Email    string
	Primary  bool
	Verified bool
}

// SubjectAt returns the identifier of the person at a service: the one in
// Subjects, or else, but for [OIDC], one made from Subject that looks like those of the
// service and is the same at every call.
func (p Person) SubjectAt(s Service) string {
	if v, ok := p.Subjects[s]; ok {
		return v
	}
	switch n := number(string(s) + ":" + p.Subject); s {
	case GitHub:
		return strconv.FormatInt(n, 10)
	case Google:
		return fmt.Sprintf("1%020d", n)
	case Apple:
		return fmt.Sprintf("001%03d.%032x.%04d", n%1000, n, n/1000%10000)
	case Twitter:
		return fmt.Sprintf("%019d", n)
	}
	return p.Subject
}

// number makes 12 digits of a string, the first of which is not 0.
func number(s string) int64 {
	h := fnv.New64a()
	h.Write([]byte(s))
	return 1e11 + int64(h.Sum64()%9e11)
}

func (p Person) clone() Person {
	p.Emails = slices.Clone(p.Emails)
	p.Claims = maps.Clone(p.Claims)
	p.Subjects = maps.Clone(p.Subjects)
	return p
}

// verified is what GitHub and the page say.
func (p Person) verified() bool { return p.EmailVerified == true || p.EmailVerified == "true" }

// names returns the given and the family name.
func (p Person) names() (given, family string) {
	if i := strings.LastIndexByte(p.Name, ' '); i >= 0 {
		return p.Name[:i], p.Name[i+1:]
	}
	return p.Name, ""
}

func defaultPeople() []Person {
	return []Person{
		{Login: "ada", Name: "Ada Lovelace", Email: "ada@example.com", EmailVerified: true},
		{Login: "grace", Name: "Grace Hopper", Email: "grace@example.com", EmailVerified: true},
		{Login: "mallory", Name: "Mallory", Email: "ada@example.com", EmailVerified: false},
	}
}

// AddPerson adds somebody, of whom it keeps a copy. It is an error if Login is
// missing, if Login or Subject is somebody's already, or if the identifier for
// GitHub is no integer.
func (s *Server) AddPerson(p Person) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.putPerson(-1, p)
}

// ChangePerson changes whoever has this login or Subject: a new address, a new login. The
// change is seen in all that is answered afterwards, ID tokens for codes that
// are under way included. The function is called with a copy, under a lock: it
// must not call the Server. It is an error if there is nobody of that name or
// if [Server.AddPerson] would refuse the result, and nothing is changed then.
// Subject cannot be changed.
func (s *Server) ChangePerson(login string, change func(*Person)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := s.indexPerson(login)
	if i < 0 {
		return fmt.Errorf("oauthtest: nobody is called %q", login)
	}
	p := s.people[i].clone()
	change(&p)
	p.Subject = s.people[i].Subject
	return s.putPerson(i, p)
}

// RemovePerson removes whoever has this login or Subject; all that they granted ends. It does
// nothing if there is nobody.
func (s *Server) RemovePerson(login string) {
	s.Withdraw(login)
	s.mu.Lock()
	defer s.mu.Unlock()
	if i := s.indexPerson(login); i >= 0 {
		s.people = slices.Delete(s.people, i, i+1)
	}
}

// Person returns a copy of whoever has this login or Subject, and whether
// there is anybody.
func (s *Server) Person(login string) (Person, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if i := s.indexPerson(login); i >= 0 {
		return s.people[i].clone(), true
	}
	return Person{}, false
}

// People returns copies of all, in the order in which they came.
func (s *Server) People() []Person {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]Person, len(s.people))
	for i, p := range s.people {
		all[i] = p.clone()
	}
	return all
}

// indexPerson finds by login, then by subject. Callers hold s.mu.
func (s *Server) indexPerson(name string) int {
	if i := slices.IndexFunc(s.people, func(p Person) bool { return p.Login == name }); i >= 0 {
		return i
	}
	return s.indexSubject(name)
}

func (s *Server) indexSubject(subject string) int {
	return slices.IndexFunc(s.people, func(p Person) bool { return p.Subject == subject })
}

// putPerson adds p, or puts it in the place of another. Callers hold s.mu.
func (s *Server) putPerson(at int, p Person) error {
	p = p.clone()
	if p.Name == "" {
		p.Name = p.Login
	}
	if p.Subject == "" && p.Login != "" {
		p.Subject = strconv.FormatInt(number(p.Login), 10)
	}
	var errs []error
	if p.Login == "" {
		errs = append(errs, errors.New("oauthtest: a Person needs a Login"))
	}
	if _, err := strconv.ParseInt(p.SubjectAt(GitHub), 10, 64); err != nil {
		errs = append(errs, fmt.Errorf("oauthtest: Subjects[GitHub] of %q is %q, which is no integer", p.Login, p.Subjects[GitHub]))
	}
	for i, other := range s.people {
		if i == at {
			continue
		}
		if other.Login == p.Login {
			errs = append(errs, fmt.Errorf("oauthtest: two people have the Login %q", p.Login))
		}
		if other.Subject == p.Subject {
			errs = append(errs, fmt.Errorf("oauthtest: %q and %q have the Subject %q", other.Login, p.Login, p.Subject))
		}
	}
	if len(errs) > 0 {
		return errors.Join(errs...)
	}
	if at < 0 {
		s.people = append(s.people, p)
	} else {
		s.people[at] = p
	}
	return nil
}
