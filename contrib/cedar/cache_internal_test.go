package cedarauthz

import (
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
)

func TestKeysDiffer(t *testing.T) {
	keys := map[string]string{}
	add := func(what string, key []byte) {
		t.Helper()
		if other, ok := keys[string(key)]; ok {
			t.Errorf("%s and %s have one key: %q", what, other, key)
		}
		keys[string(key)] = what
	}
	value := func(v any) {
		key, ok := appendValue(nil, v)
		if !ok {
			t.Errorf("%#v has no key", v)
		}
		add(fmt.Sprintf("%#v", v), key)
		for other, what := range keys {
			if other != string(key) && (strings.HasPrefix(other, string(key)) || strings.HasPrefix(string(key), other)) {
				t.Errorf("the key of %#v begins as that of %s", v, what)
			}
		}
	}
	for _, v := range []any{
		"", "s", "\x00", "a", "ab", "b", strings.Repeat("a", 200), true, false, int64(0), int64(1), int64(-1), int64(1) << 40,
		[]string{}, []string{""}, []string{"", ""}, []string{"a"}, []string{"a", "b"}, []string{"ab"}, []string{"b", "a"}, []string{"a", "", "b"},
	} {
		value(v)
	}
	clear(keys)
	one, other := &plan{id: 1}, &plan{id: 128}
	add("u of 1", one.key(nil, 'u'))
	add("r of 1", one.key(nil, 'r'))
	add("r of 128", other.key(nil, 'r'))
	for _, v := range []any{1, 1.5, nil, []any{"a"}} {
		if _, ok := appendValue(nil, v); ok {
			t.Errorf("%#v has a key", v)
		}
	}
}

func TestCache(t *testing.T) {
	c := newCache[int]()
	made := 0
	get := func(key string, v int) int { return c.get([]byte(key), func() int { made++; return v }) }
	if get("a", 1) != 1 || get("a", 2) != 1 || get("b", 3) != 3 || made != 2 {
		t.Error("it is not what was made for the key")
	}
	long := strings.Repeat("x", maxKey+1)
	if get(long, 1) != 1 || get(long, 2) != 2 {
		t.Error("a key that is too long was kept")
	}
	for i := range 100_000 {
		if get(strconv.Itoa(i), i) != i {
			t.Fatal(i)
		}
	}
	kept := 0
	for i := range c.shards {
		kept += len(c.shards[i].young) + len(c.shards[i].old)
	}
	if kept > 2*shards*perShard {
		t.Errorf("%d are kept", kept)
	}
	made = 0
	for i := range 100 {
		get(strconv.Itoa(99_999-i), -1)
	}
	if made > 0 {
		t.Errorf("%d of the newest hundred are gone", made)
	}
}

func TestCacheConcurrently(t *testing.T) {
	c := newCache[int]()
	var all sync.WaitGroup
	for g := range 4 {
		all.Go(func() {
			for i := range 5000 {
				n := (i*7 + g) % 3000
				if got := c.get([]byte(strconv.Itoa(n)), func() int { return n }); got != n {
					t.Errorf("%d for %d", got, n)
					return
				}
			}
		})
	}
	all.Wait()
}

func TestPlans(t *testing.T) {
	p, err := compileFiles(map[string][]byte{"a.cedar": []byte(`permit (principal, action == Action::"one", resource); permit (principal, action in Action::"few:*", resource);`)}, false)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(p.plan("one").rules); n != 1 {
		t.Errorf("%d rules of one", n)
	}
	if n := len(p.plan("other").rules); n != 0 {
		t.Errorf("%d rules of another", n)
	}
	if plan := p.plan("one"); plan != p.plan("one") {
		t.Error("a plan is made again")
	}
	for i := range 2 * maxPlans {
		if got := p.plan("few:" + strconv.Itoa(i)); len(got.rules) != 1 || (got.id == 0) != (i >= maxPlans-2) {
			t.Fatalf("%d: %d rules, ID %d", i, len(got.rules), got.id)
		}
	}
	if n := len(*p.plans.Load()); n != maxPlans {
		t.Errorf("%d plans are kept", n)
	}
}
