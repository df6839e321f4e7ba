package password_test

import (
	"context"
	"errors"
	"regexp"
	"strings"
	"testing"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/providers/password"
	"github.com/gatehouse-go/gatehouse/stores/memory"
)

// What werkzeug.security of Werkzeug 3.1.8, on Python 3.11, made of
// werkzeugPassword with fixed salts: _hash_internal(method, salt, password), and
// for those without a colon, which it no longer makes,
// hmac.new(salt, password, digest).hexdigest(). check_password_hash of 3.1.8
// takes the former, that of 1.0.0 the latter.
var werkzeugHashes = []string{
	"scrypt:32768:8:1$Wm4tRz8qLx2Kd9Jp$36b93fa83d3d3a47e94e54ce0a4204c7c91e61e9069d41cefa306b85170857c3a105a505516a3ff9af0b38439f2d56e79c59bb12c3ebb33d0cc8982598d7015d",
	"scrypt$Wm4tRz8qLx2Kd9Jp$36b93fa83d3d3a47e94e54ce0a4204c7c91e61e9069d41cefa306b85170857c3a105a505516a3ff9af0b38439f2d56e79c59bb12c3ebb33d0cc8982598d7015d",
	"scrypt:16384:8:5$Wm4tRz8qLx2Kd9Jp$6285965f7c462edfe1227c24e0c874d55cf0b1db11138056212fa20e9bb2c48601d509eac121414fc59f809665682d9b10d8760198a3c83dbb2faa1a0bc13e7a",
	"scrypt:1024:1:1$Wm4tRz8qLx2Kd9Jp$73df39b6c8ab2b634ca5f15cbd90c0dfa89495c7633a309184a6130d40418cc202b240248817c8ee6b3e8413990a9bf5d558c763837d87ce6ca202d7f4b31fd7",
	"pbkdf2:sha256:600000$Wm4tRz8qLx2Kd9Jp$485e32030c06a5e804a7fe27a18b33f00784bee237b42eaed78aad4f319415e2",
	"pbkdf2:sha1:1000$Wm4tRz8qLx2Kd9Jp$8afa127eba8f1085dbb59d3e90168ada126dce80",
	"pbkdf2:sha512:50000$Wm4tRz8qLx2Kd9Jp$d19880551313e480a18cf19fa9e5594b6367e5a98adc5afe6b67dfe72fa809cb54b3362aa55de5ce00d57083a28f771f96adbd1626cb18f1b5448029054247f9",
	"pbkdf2:sha224:10$Wm4tRz8qLx2Kd9Jp$8299c152fbbb518ea5c5f930a675f13d89b5e2e6a2c9354955af2803",
	"pbkdf2:sha384:10$Wm4tRz8qLx2Kd9Jp$6967b67eddf3d7b9b984010b00e1dd28494f56c6b55581a60649763860d6783959355fdb089e12a333410260512a3b12",
	"pbkdf2:md5:10$Wm4tRz8qLx2Kd9Jp$050cb84c3d48c529070cd8e92a144ef3",
	"sha1$aB3dE6gH$b49be514a0f83b12b1f5ba4e755fceeb50257f52",
	"sha256$aB3dE6gH$ca7df9dd9acbde78b624ed94b0d18e90b295e44995c55b53675e39b3281c4b0a",
	"sha512$aB3dE6gH$d8709d6987d8cdba31a3abfcaa1fcd31c6bd5f5231dbfdb48474e55deb4fc06f70d3e9b4356d2d92502e2fa9dc9c8cf7df5a9b001360d9cd75fd4747a8bbcd14",
	"sha224$aB3dE6gH$906bc81f19c22e1fded1f7052421b0bcd0f3cca2cd5aabec17cac1da",
	"sha384$aB3dE6gH$af69cfb1bd06e0b1396c6ec0eac905dda2f0ad238357f670f3837504be727f85630c97f4875abd8db0ed6af486953bd8",
	"md5$aB3dE6gH$7fbe423ac04fee34c2e6e33f979ea9cd",
}

const werkzeugPassword = "tr0mbone & 3 sisters"

// werkzeugCheap is one of them that costs nothing.
const werkzeugCheap = "pbkdf2:sha1:1000$Wm4tRz8qLx2Kd9Jp$8afa127eba8f1085dbb59d3e90168ada126dce80"

func TestWerkzeug(t *testing.T) {
	var h password.Werkzeug
	for _, hash := range werkzeugHashes {
		if err := h.Verify(hash, []byte(werkzeugPassword)); err != nil {
			t.Errorf("%.40s: %v", hash, err)
		}
		if h.Current(hash) {
			t.Errorf("%.40s is current", hash)
		}
	}
	for _, hash := range append(werkzeugHashes[3:4:4], werkzeugHashes[5:]...) { // those that are quick
		if err := h.Verify(hash, []byte(werkzeugPassword+"x")); !errors.Is(err, password.ErrMismatch) {
			t.Errorf("%.40s, wrong password: %v", hash, err)
		}
	}
}

// Nothing is computed for a hash that is damaged or asks for too much. Had it
// been, the test would take hours or run out of memory.
func TestWerkzeugBounds(t *testing.T) {
	var h password.Werkzeug
	salted := "$Wm4tRz8qLx2Kd9Jp$"
	hex64, hex32, hex20 := strings.Repeat("0a", 64), strings.Repeat("0a", 32), strings.Repeat("0a", 20)
	for _, hash := range []string{
		"scrypt:1073741824:8:1" + salted + hex64,           // 1 TiB
		"scrypt:262144:8:1" + salted + hex64,               // 256 MiB
		"scrypt:2:1048576:1" + salted + hex64,              // each in its bounds, together too much
		"scrypt:1024:8:129" + salted + hex64,               // a little too much work
		"scrypt:1048576:1048576:1048576" + salted + hex64,  // 2^60
		"scrypt:34359738368:2:268435456" + salted + hex64,  // 0, if cut to 64 bits
		"scrypt:18446744073709551616:8:1" + salted + hex64, // does not fit
		"scrypt:4294967298:8:1" + salted + hex64,           // 2, if cut to 32 bits
		"scrypt:32767:8:1" + salted + hex64,                // not a power of two
		"scrypt:1:8:1" + salted + hex64, "scrypt:0:8:1" + salted + hex64,
		"scrypt:1024:0:1" + salted + hex64, "scrypt:1024:1:0" + salted + hex64, "scrypt:1024:-1:-1" + salted + hex64,
		"scrypt:1024:1" + salted + hex64, "scrypt:1024:1:1:1" + salted + hex64, "scrypt:" + salted + hex64,
		"scrypt:01024:1:1" + salted + hex64, "scrypt:+1024:1:1" + salted + hex64, "scrypt:1_024:1:1" + salted + hex64, "scrypt: 1024:1:1" + salted + hex64,
		"scrypt:1024:1:1" + salted + hex64[2:],
		"scrypt:1024:1:1" + salted + hex64 + "0a",
		"scrypt:1024:1:1" + salted,
		"scrypt:1024:1:1" + salted + strings.Repeat("0A", 64),
		"scrypt:1024:1:1" + salted + strings.Repeat("zz", 64),
		"scrypt:1024:1:1$$" + hex64,
		"scrypt:1024:1:1$sält$" + hex64, "scrypt:1024:1:1$a b$" + hex64, "scrypt:1024:1:1$a\n$" + hex64, "scrypt:1024:1:1$a\x7f$" + hex64,
		"scrypt:1024:1:1$" + strings.Repeat("a", 1<<20) + "$" + hex64,
		"pbkdf2:sha256:4000001" + salted + hex32,
		"pbkdf2:sha256:4294967296" + salted + hex32,
		"pbkdf2:sha256:18446744073709551617" + salted + hex32, // 1, if cut to 64 bits
		"pbkdf2:sha256:0" + salted + hex32, "pbkdf2:sha256:-1" + salted + hex32, "pbkdf2:sha256:010" + salted + hex32, "pbkdf2:sha256:" + salted + hex32,
		"pbkdf2:sha256" + salted + hex32, // of how many iterations, nobody knows
		"pbkdf2" + salted + hex32,
		"pbkdf2:sha256:10:1" + salted + hex32,
		"pbkdf2:sha256:10" + salted + hex20, // of another digest
		"pbkdf2:sha1:10" + salted + hex32,
		"pbkdf2:sha1:10$$" + hex20,
		"sha1" + salted + hex32,
		"sha1" + salted,
		"sha1$$" + hex20, // a digest without salt
	} {
		err := h.Verify(hash, []byte("password"))
		if err == nil || errors.Is(err, password.ErrMismatch) || errors.Is(err, password.ErrUnknownHash) {
			t.Errorf("%.60q: %v", hash, err)
		}
		if h.Current(hash) {
			t.Errorf("%.60q is current", hash)
		}
	}
	for _, hash := range []string{
		"", "$", "$$", "x", "scrypt", "sha256", "plain$$password", "plain$salt$password",
		"sha3_256" + salted + hex32, "pbkdf2:sha3_256:10" + salted + hex32, "pbkdf2:blake2b:10" + salted + hex64, "sha256:10" + salted + hex32,
		"Scrypt:1024:1:1" + salted + hex64,
		"scrypt$16384$salt$8$1$FwUUw", "pbkdf2_sha256$10$salt$FwUUw", // Django's
		"$2a$08$abcdefghijklmnopqrstuucrMzbBrkJ1M6foMC5fiJZOm8nwKDq.i",
		"$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
	} {
		if err := h.Verify(hash, []byte(hash)); !errors.Is(err, password.ErrUnknownHash) {
			t.Errorf("%.60q: %v", hash, err)
		}
	}
}

// New hashes are as long as Werkzeug's own, so that they fit where those did.
func TestWerkzeugHash(t *testing.T) {
	var h password.Werkzeug
	a, err := h.Hash([]byte("x"))
	if err != nil || !regexp.MustCompile(`^scrypt:32768:8:3\$[A-Za-z0-9_-]{16}\$[0-9a-f]{128}$`).MatchString(a) || len(a) != len(werkzeugHashes[0]) {
		t.Fatalf("Hash = %q, %v", a, err)
	}
	if b, _ := h.Hash([]byte("x")); a[:len("scrypt:32768:8:3$")+16] == b[:len("scrypt:32768:8:3$")+16] {
		t.Error("two hashes have the same salt")
	}
	if err := h.Verify(a, []byte("x")); err != nil || !h.Current(a) {
		t.Errorf("its own hash: %v, current %t", err, h.Current(a))
	}
	_, rest, _ := strings.Cut(a, "$")
	for _, other := range []string{"scrypt:32768:8:1$" + rest, "scrypt:16384:8:3$" + rest, strings.Replace(a, rest[:16], rest[:15], 1)} {
		if h.Current(other) {
			t.Errorf("%.40s is current", other)
		}
	}
}

// An HMAC takes none of these for another password by itself.
func TestWerkzeugText(t *testing.T) {
	var h password.Werkzeug
	// hashlib.pbkdf2_hmac("sha1", b"0123456789" * 7, b"Wm4tRz8qLx2Kd9Jp", 10), and
	// the SHA-1 of that password, which is its key.
	const long = "pbkdf2:sha1:10$Wm4tRz8qLx2Kd9Jp$c571eab6e23c0cf19faf3616a53c5b9e844d9401"
	const digest = "\x19\x45\x22\xb2\xbd\xb1\xf1\x83\x8a\x2d\x2d\x24\xa2\x48\x20\x20\x01\xac\x68\x38"
	if err := h.Verify(long, []byte(strings.Repeat("0123456789", 7))); err != nil {
		t.Error(err)
	}
	for hash, wrong := range map[string]string{long: digest, werkzeugCheap: werkzeugPassword + "\x00"} {
		if err := h.Verify(hash, []byte(wrong)); !errors.Is(err, password.ErrMismatch) {
			t.Errorf("%q: %v", wrong, err)
		}
	}
	for _, pw := range []string{"a\x00", "\xff"} {
		if hash, err := h.Hash([]byte(pw)); err == nil {
			t.Errorf("%q has a hash that is of another password as well: %s", pw, hash)
		}
	}
}

// Every hash of Werkzeug's is replaced at the first login with the right password,
// and at no other.
func TestWerkzeugUpgrade(t *testing.T) {
	s := newSite(t, nil)
	id := s.register("ada@example.com", goodPassword)
	for _, hash := range append(werkzeugHashes[3:4:4], werkzeugHashes[5:]...) { // those that are quick
		s.set(id, hash)
		s = s.reopen(&password.Options{OldHashers: []password.Hasher{password.Werkzeug{}}})
		if r := s.client().json("/login", fields{"email": "ada@example.com", "password": "something else"}); r.Code != 401 {
			t.Errorf("%.40s, wrong password: %d %s", hash, r.Code, r.text)
		}
		if c := s.stored(id); string(c.Data) != hash {
			t.Errorf("%.40s: a wrong password changed it to %s", hash, c.Data)
		}
		for range 2 {
			if r := s.client().json("/login", fields{"email": "ada@example.com", "password": werkzeugPassword}); r.Code != 200 {
				t.Errorf("%.40s: %d %s", hash, r.Code, r.text)
			}
		}
		if c := s.stored(id); !strings.HasPrefix(string(c.Data), "$2a$04$") {
			t.Errorf("%.40s became %s", hash, c.Data)
		}
	}
	// Without it they are nobody's, and nobody gets in.
	s.set(id, werkzeugCheap)
	s = s.reopen(nil)
	if r := s.client().json("/login", fields{"email": "ada@example.com", "password": werkzeugPassword}); r.Code != 401 {
		t.Errorf("without Werkzeug: %d %s", r.Code, r.text)
	}
}

// While both applications run, new hashes are such as both can read.
func TestWerkzeugAsHasher(t *testing.T) {
	s := newSite(t, &password.Options{Hasher: password.Werkzeug{}})
	id := s.register("ada@example.com", goodPassword)
	if c := s.stored(id); !strings.HasPrefix(string(c.Data), "scrypt:32768:8:3$") {
		t.Errorf("the hash is %s", c.Data)
	}
	s.set(id, werkzeugCheap)
	if r := s.client().json("/login", fields{"email": "ada@example.com", "password": werkzeugPassword}); r.Code != 200 {
		t.Errorf("%d %s", r.Code, r.text)
	}
	if c := s.stored(id); !strings.HasPrefix(string(c.Data), "scrypt:32768:8:3$") {
		t.Errorf("the hash became %s", c.Data)
	}
}

// A mark of the pepper would make the hash one that Werkzeug cannot read.
func TestWerkzeugPepper(t *testing.T) {
	for name, tt := range map[string]struct {
		opts password.Options
		ok   bool
	}{
		"as Hasher":           {password.Options{Hasher: password.Werkzeug{}, Pepper: pepper("k1", "k1")}, false},
		"as Hasher, pointer":  {password.Options{Hasher: &password.Werkzeug{}, Pepper: pepper("k1", "k1")}, false},
		"as Hasher, none":     {password.Options{Hasher: password.Werkzeug{}}, true},
		"as one of the older": {password.Options{OldHashers: []password.Hasher{password.Werkzeug{}}, Pepper: pepper("k1", "k1")}, true},
	} {
		_, err := auth.New(memory.NewUsers(), memory.New(nil), &auth.Options{Providers: []auth.Provider{password.New(&tt.opts)}})
		if (err == nil) != tt.ok || !tt.ok && !strings.Contains(err.Error(), "Options.Pepper") {
			t.Errorf("%s: %v", name, err)
		}
	}
	s := newSite(t, nil)
	id := s.register("ada@example.com", goodPassword)
	s.set(id, werkzeugCheap)
	s = s.reopen(&password.Options{OldHashers: []password.Hasher{password.Werkzeug{}}, Pepper: pepper("k1", "k1")})
	if r := s.client().json("/login", fields{"email": "ada@example.com", "password": werkzeugPassword}); r.Code != 200 {
		t.Errorf("%d %s", r.Code, r.text)
	}
	if c := s.stored(id); !strings.HasPrefix(string(c.Data), "$hmac-sha384=k1$2a$04$") {
		t.Errorf("the hash became %s", c.Data)
	}
}

// set makes hash what is stored of the user's password, as an import does.
func (s *site) set(userID, hash string) {
	s.t.Helper()
	old := s.stored(userID)
	next := old
	next.Data = []byte(hash)
	if err := s.store.ChangeCredentials(context.Background(), auth.Change{Old: &old, New: &next}); err != nil {
		s.t.Fatal(err)
	}
}

// One spelling of a hash, and one password, is right.
func FuzzWerkzeug(f *testing.F) {
	for _, hash := range append(werkzeugHashes, "scrypt:2:1:1$s$", "pbkdf2:sha256:1$s$", "plain$$x", "md5$$") {
		f.Add(hash, werkzeugPassword)
	}
	form := regexp.MustCompile(`^(scrypt(:[1-9]\d*){3}|scrypt|(pbkdf2:)?(md5|sha\d+)(:[1-9]\d*)?)\$[!-#%-~]+\$[0-9a-f]+$`)
	many := regexp.MustCompile(`^scrypt(\$|.*:\d{3})|^pbkdf2:\w+:\d{5}`)
	f.Fuzz(func(t *testing.T, hash, pw string) {
		if many.MatchString(hash) || len(pw) > 1024 {
			return // within bounds and honest, but not for a fuzzer
		}
		var h password.Werkzeug
		h.Current(hash)
		if h.Verify(hash, []byte(pw)) != nil {
			return
		}
		if !form.MatchString(hash) {
			t.Errorf("%q is right for %q", pw, hash)
		}
		for _, other := range []string{pw + "x", pw + "\x00", pw[:len(pw)/2], strings.ToUpper(pw) + "!"} {
			if other != pw && h.Verify(hash, []byte(other)) == nil {
				t.Errorf("%q and %q are right for %q", pw, other, hash)
			}
		}
		for _, other := range []string{hash[:len(hash)-2], hash + "00", strings.ToUpper(hash), " " + hash, hash + "\n"} {
			if h.Verify(other, []byte(pw)) == nil {
				t.Errorf("%q is right for %q", pw, other)
			}
		}
	})
}
