package mail

import "time"

const (
	parallel = 10              // entries at a time
	timeout  = time.Minute     // for one entry, from its Composer to the server's answer
	lease    = 5 * time.Minute // much longer, so that clocks may differ and the outbox be slow
	marking  = 10 * time.Second
	unjoined = time.Minute     // in which a transaction has ended
	grace    = 5 * time.Second // for what is under way when the worker has to stop

	firstDelay = 30 * time.Second
	mostDelay  = time.Hour
	giveUp     = 3 * 24 * time.Hour
)

// delay returns how long to wait after attempt n, from 1.
func delay(n int) time.Duration {
	if n > 20 { // or it overflows
		return mostDelay
	}
	return min(firstDelay<<max(n-1, 0), mostDelay)
}

// exhausted reports whether a mail that the server has not taken n times has been tried
// for long enough: 79 times, with the delays above. The delays in between were at least
// these, and longer where something else has failed as well. Times are not looked at: an
// entry may have been enqueued long before it was due, and its time is moved at every
// claim.
func exhausted(n int) bool {
	var sum time.Duration
	for i := 1; i < n && sum < giveUp; i++ {
		sum += delay(i)
	}
	return sum >= giveUp
}
