package password

import (
	_ "embed"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// commonPasswords is sorted by byte, one entry a line. Its origin and licence
// are in the folder blocklist.
//
//go:embed blocklist/passwords.txt
var commonPasswords string

// isCommon reports whether folded is a line of the list. The text is searched
// as it lies in the program, so that it costs no memory and no start-up.
func isCommon(folded string) bool {
	if strings.ContainsRune(folded, '\n') {
		return false
	}
	lo, hi := 0, len(commonPasswords) // both at the beginning of a line
	for lo < hi {
		mid := (lo + hi) / 2
		begin := strings.LastIndexByte(commonPasswords[:mid], '\n') + 1
		end := mid + strings.IndexByte(commonPasswords[mid:], '\n')
		switch line := commonPasswords[begin:end]; {
		case line == folded:
			return true
		case line < folded:
			lo = end + 1
		default:
			hi = begin
		}
	}
	return false
}

// fold makes one of spellings that differ in case or Unicode form only.
func fold(s string) string { return strings.ToLower(norm.NFC.String(s)) }

// shortUnit is what repeating adds nothing to: fewer characters than the
// least that any policy accepts.
const shortUnit = leastMinLength

// isExpected reports whether folded is a password that is tried early: a common
// one, one of more, either of them repeated or with a little around it that is
// no secret, a few characters repeated, or a run such as abcdefgh, 87654321 or a
// row of keys.
func isExpected(folded string, more map[string]bool) bool {
	listed := func(s string) bool { return isCommon(s) || more[s] }
	if expected([]rune(folded), listed) {
		return true
	}
	// What people put around a common password, so that it becomes long enough.
	core, rest := letters(folded), others(folded)
	if len(core) == 0 || len(rest) == 0 || !listed(string(core)) && !listed(string(core[:period(core)])) {
		return false
	}
	return len(rest) <= 6 || expected(rest, listed)
}

func expected(s []rune, listed func(string) bool) bool {
	unit := s[:period(s)]
	if listed(string(s)) || listed(string(unit)) {
		return true
	}
	// Who guesses in order begins with what every keyboard has.
	ascii := !slices.ContainsFunc(s, func(r rune) bool { return r > unicode.MaxASCII })
	return ascii && (2*len(unit) <= len(s) && len(unit) < shortUnit || isRun(s) || onKeyboard(string(s)))
}

// keyboards are the ways a finger goes over the keys.
var keyboards = [...]string{
	"1234567890qwertyuiopasdfghjklzxcvbnm",
	"1q2w3e4r5t6y7u8i9o0p",
	"1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik9ol0p",
	"q1w2e3r4t5y6u7i8o9p0",
	"qazwsxedcrfvtgbyhnujmikolp",
}

func onKeyboard(s string) bool {
	for _, k := range keyboards {
		if strings.Contains(k, s) || strings.Contains(string(reversed([]rune(k))), s) {
			return true
		}
	}
	return false
}

// isRun reports whether each rune follows the one before, or each precedes it.
// After 9 comes 0.
func isRun(s []rune) bool {
	if len(s) < 2 {
		return false
	}
	up, down := true, true
	for i := 1; i < len(s); i++ {
		up = up && follows(s[i-1], s[i])
		down = down && follows(s[i], s[i-1])
	}
	return up || down
}

func follows(a, b rune) bool { return b == a+1 || a == '9' && b == '0' }

// period returns the length of the shortest unit that s is repetitions of, the
// last of which may be cut off, at most len(s). It is linear (the failure
// function of Knuth, Morris and Pratt).
func period(s []rune) int {
	fail := make([]int, len(s)+1)
	k := 0
	for i := 1; i < len(s); i++ {
		for k > 0 && s[i] != s[k] {
			k = fail[k]
		}
		if s[i] == s[k] {
			k++
		}
		fail[i+1] = k
	}
	if len(s) == 0 {
		return 0
	}
	return len(s) - fail[len(s)]
}

// madeOfWords reports whether folded consists of nothing but words, forwards or
// backwards, once digits, spaces and punctuation are left out: the site's name
// repeated, the user's name with a year after it. A long passphrase in which
// such a word occurs is not one.
func madeOfWords(folded string, words []string) bool {
	var units [][]rune
	for _, w := range words {
		w = fold(w)
		if len(w) >= 4 && isRepeated(folded, w) {
			return true // also for words of digits
		}
		if u := letters(w); len(u) >= 3 {
			units = append(units, u, reversed(u))
		}
	}
	s := letters(folded)
	if len(s) == 0 || len(units) == 0 {
		return false
	}
	reached := make([]bool, len(s)+1)
	reached[0] = true
	for i := range s {
		if !reached[i] {
			continue
		}
		for _, u := range units {
			if n := i + len(u); n <= len(s) && string(s[i:n]) == string(u) {
				reached[n] = true
			}
		}
	}
	return reached[len(s)]
}

func isRepeated(s, unit string) bool {
	return len(s)%len(unit) == 0 && strings.Repeat(unit, len(s)/len(unit)) == s
}

func letters(s string) []rune {
	var l []rune
	for _, r := range s {
		if unicode.IsLetter(r) || unicode.IsMark(r) {
			l = append(l, r)
		}
	}
	return l
}

// others returns what letters leaves out.
func others(s string) []rune {
	var o []rune
	for _, r := range s {
		if !unicode.IsLetter(r) && !unicode.IsMark(r) {
			o = append(o, r)
		}
	}
	return o
}

func reversed(s []rune) []rune {
	r := make([]rune, len(s))
	for i, c := range s {
		r[len(s)-1-i] = c
	}
	return r
}
