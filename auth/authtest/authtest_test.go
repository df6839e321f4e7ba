package authtest_test

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/authtest"
)

// A broken implementation breaks one sentence of a contract.
type broken struct {
	sentence string // what it breaks; empty: nothing
	run      func(t *testing.T)
	want     []string // the subtests that must fail, perhaps among others
}

// A suite and the implementations that must fail in it.
type suite struct {
	name    string
	broken  []broken
	nested  []string // subtests whose own subtests are those to look at
	correct func(t *testing.T)
}

func suites() []suite {
	return []suite{
		sessionSuite(), credentialSuite(), ticketSuite(), limiterSuite(), abilitySuite(), userSuite(),
		authorizerSuite(), policySuite(), loaderSuite(), providerSuite(), flashesSuite(), outboxSuite(), auditSuite(),
	}
}

// storeSuite makes a suite of functions that bend a correct store.
func storeSuite(name string, test func(t *testing.T, open func() *bent), bends []bend) suite {
	s := suite{name: name, correct: func(t *testing.T) {
		test(t, func() *bent { return newBent(func(*bent) {}) })
	}}
	for _, b := range bends {
		s.broken = append(s.broken, broken{b.sentence, func(t *testing.T) {
			test(t, func() *bent { return newBent(b.bend) })
		}, b.want})
	}
	return s
}

type bend struct {
	sentence string
	bend     func(b *bent)
	want     []string
}

func sessionSuite() suite {
	return storeSuite("Sessions", func(t *testing.T, open func() *bent) {
		authtest.TestSessionStore(t, func(*testing.T) auth.SessionStore { return open() })
	}, sessionBends())
}

func credentialSuite() suite {
	return storeSuite("Credentials", func(t *testing.T, open func() *bent) {
		authtest.TestCredentialStore(t, func(*testing.T) auth.CredentialStore { return open() })
	}, credentialBends())
}

func ticketSuite() suite {
	return storeSuite("Tickets", func(t *testing.T, open func() *bent) {
		authtest.TestTicketStore(t, func(*testing.T) auth.TicketStore { return open() })
	}, ticketBends())
}

func limiterSuite() suite {
	return storeSuite("Limiter", func(t *testing.T, open func() *bent) {
		authtest.TestLimiter(t, func(*testing.T) auth.Limiter { return open() })
	}, limiterBends())
}

func abilitySuite() suite {
	s := storeSuite("Abilities", func(t *testing.T, open func() *bent) {
		authtest.TestAbilities(t, func(*testing.T) auth.Store { return open() })
	}, abilityBends())
	s.nested = []string{"Sweep", "InTx"}
	return s
}

const childVariable = "AUTHTEST_RUN_BROKEN"

// TestChild is run by TestBroken, in a process of its own: its failures are
// the wanted ones.
func TestChild(t *testing.T) {
	if os.Getenv(childVariable) == "" {
		t.Skip("run by TestBroken")
	}
	for _, s := range suites() {
		t.Run(s.name, func(t *testing.T) {
			t.Run("correct", s.correct)
			for i, b := range s.broken {
				t.Run(fmt.Sprint(i), b.run)
			}
		})
	}
}

// TestBroken runs every suite on implementations that are wrong, and requires
// that the right subtests fail, that each subtest fails for one of them, and
// that none fails for a correct implementation.
func TestBroken(t *testing.T) {
	cmd := exec.Command(os.Args[0], "-test.run=^TestChild$", "-test.v", "-test.timeout=300s")
	cmd.Env = append(os.Environ(), childVariable+"=1")
	out, err := cmd.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "\n--- FAIL: TestChild") {
		t.Fatalf("the child did not end as it should: %v\n%s", err, tail(string(out)))
	}

	results := map[string]map[string]string{} // suite/implementation -> subtest -> PASS or FAIL
	for _, m := range regexp.MustCompile(`(?m)^ *--- (PASS|FAIL|SKIP): TestChild/([^/\s]+/[^/\s]+)/(\S+) \(`).FindAllStringSubmatch(string(out), -1) {
		if results[m[2]] == nil {
			results[m[2]] = map[string]string{}
		}
		results[m[2]][m[3]] = m[1]
	}

	for _, s := range suites() {
		t.Run(s.name, func(t *testing.T) {
			never := map[string]bool{} // subtests that never failed
			for name, result := range results[s.name+"/correct"] {
				if result != "PASS" {
					t.Errorf("%s on a correct implementation: %s", name, result)
				}
				depth := 1
				if parent, _, _ := strings.Cut(name, "/"); slices.Contains(s.nested, parent) {
					depth = 2
				}
				if strings.Count(name, "/") == depth-1 {
					never[name] = true
				}
			}
			if len(never) == 0 {
				t.Fatal("no subtests")
			}
			for i, b := range s.broken {
				got := results[s.name+"/"+fmt.Sprint(i)]
				if len(got) == 0 {
					t.Errorf("broken: %s: did not run", b.sentence)
				}
				for _, want := range b.want {
					if got[want] != "FAIL" {
						t.Errorf("broken: %s: subtest %s: %q, want FAIL; failed: %q", b.sentence, want, got[want], failed(got))
					}
					delete(never, want)
				}
			}
			for _, name := range slices.Sorted(maps.Keys(never)) {
				t.Errorf("no broken implementation is there for subtest %s", name)
			}
		})
	}
}

func failed(results map[string]string) (names []string) {
	for name, result := range results {
		if result == "FAIL" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func tail(s string) string { return s[max(0, len(s)-4000):] }
