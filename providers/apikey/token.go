package apikey

import (
	"crypto/rand"
	"crypto/sha256"
	"hash/crc32"
)

// A key is <prefix>_<id>_<secret><checksum>. All but the prefix is in these
// characters: no hyphen, at which a double click would stop, and nothing that a
// URL, a shell or a configuration file would change.
const alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

const (
	idLength     = 17 // 101 bits
	secretLength = 43 // 256 bits
	sumLength    = 6  // holds 32 bits
)

// A token is a key, in text and in its parts. Every character of id and secret was
// drawn by itself, so that no two texts are the same key.
type token struct{ text, id, secret string }

func newToken(start string) token {
	t := token{id: random(idLength), secret: random(secretLength)}
	t.text = start + t.id + "_" + t.secret
	sum := checksum(t.text)
	t.text += string(sum[:])
	return t
}

// parse reads a key that begins with start. It accepts what newToken could have
// made, and nothing else.
func parse(start, text string) (t token, ok bool) {
	if len(text) != len(start)+idLength+1+secretLength+sumLength || text[:len(start)] != start {
		return token{}, false
	}
	rest := text[len(start):]
	t = token{text: text, id: rest[:idLength], secret: rest[idLength+1 : idLength+1+secretLength]}
	if rest[idLength] != '_' || !allInAlphabet(t.id) || !allInAlphabet(t.secret) {
		return token{}, false
	}
	sum := checksum(text[:len(text)-sumLength])
	if string(sum[:]) != text[len(text)-sumLength:] {
		return token{}, false
	}
	return t, true
}

func allInAlphabet(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') {
			return false
		}
	}
	return true
}

// checksum returns the CRC-32 of text, the most significant character first.
func checksum(text string) (sum [sumLength]byte) {
	crc := ^uint32(0) // as crc32.ChecksumIEEE, which would have text on the heap
	for i := range len(text) {
		crc = crc32.IEEETable[byte(crc)^text[i]] ^ crc>>8
	}
	crc = ^crc
	for i := sumLength - 1; i >= 0; i-- {
		sum[i] = alphabet[crc%uint32(len(alphabet))]
		crc /= uint32(len(alphabet))
	}
	return sum
}

// random returns n characters of the alphabet, each as likely as any other.
func random(n int) string {
	const fair = 256 - 256%len(alphabet)
	text := make([]byte, 0, n)
	var buf [64]byte
	for {
		rand.Read(buf[:]) // never fails: the program crashes first
		for _, b := range buf {
			if int(b) >= fair {
				continue
			}
			if text = append(text, alphabet[int(b)%len(alphabet)]); len(text) == n {
				return string(text)
			}
		}
	}
}

// newTag returns what stands in front of everything that is digested for a realm.
func newTag(realm string) [32]byte {
	return sha256.Sum256([]byte("gatehouse apikey 1\x00" + realm))
}

// digest returns what a store keeps of t. A digest is of no use with another ID.
func digest(tag [32]byte, t token) [32]byte {
	var b [len(tag) + idLength + secretLength]byte
	n := copy(b[:], tag[:])
	n += copy(b[n:], t.id)
	copy(b[n:], t.secret)
	return sha256.Sum256(b[:])
}
