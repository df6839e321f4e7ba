package rbac

import (
	"math/bits"
	"slices"
)

// A set has actions, by their numbers. Few are a list, and many are bits, so that
// even roles that inherit one another in a long chain take little.
type set struct {
	bits []uint64
	list []int32 // ascending; if bits is nil
}

func (s *set) has(number int32) bool {
	if s.bits != nil {
		return s.bits[number>>6]&(1<<(number&63)) != 0
	}
	low, high := 0, len(s.list)
	for low < high {
		middle := int(uint(low+high) >> 1)
		if s.list[middle] < number {
			low = middle + 1
		} else {
			high = middle
		}
	}
	return low < len(s.list) && s.list[low] == number
}

// A scratch is where sets are made.
type scratch []uint64

func newScratch(actions int) scratch { return make(scratch, (actions+63)/64) }

func (s scratch) add(number int32) { s[number>>6] |= 1 << (number & 63) }

func (s scratch) addAll(of set) {
	for i, word := range of.bits {
		s[i] |= word
	}
	for _, number := range of.list {
		s.add(number)
	}
}

// take returns what was added, and begins anew.
func (s scratch) take() set {
	n := 0
	for _, word := range s {
		n += bits.OnesCount64(word)
	}
	if n > 2*len(s) { // a list takes four bytes for each, bits eight for each word
		made := set{bits: slices.Clone(s)}
		clear(s)
		return made
	}
	made := set{list: make([]int32, 0, n)}
	for i, word := range s {
		for ; word != 0; word &= word - 1 {
			made.list = append(made.list, int32(i<<6+bits.TrailingZeros64(word)))
		}
	}
	clear(s)
	return made
}
