package stream

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"argos/stream/access"
)

// A lease gives the radio's controls to one operator at a time, if the server says so.
// Who commands while they are free has them; who has not used them for a minute has
// them no more, so that nobody who is gone locks the others out. Another may ask for
// them, and has them if their holder does not use them within a quarter of a minute. It
// is safe for concurrent use.
type lease struct {
	mu     sync.Mutex
	holder string // key of a client; empty: nobody
	name   string // of the holder, for people
	used   time.Time
	asker  string // key of who asked last; empty: nobody has since they were used
	asked  time.Time
}

const (
	leaseLasts = time.Minute      // without use
	leaseAsked = 15 * time.Second // without use, once another has asked
)

// leaseName is the setting that is about the controls themselves.
const (
	leaseName    = "controls"
	leaseTake    = "take"
	leaseRelease = "release"
)

var (
	errNotHolder = errors.New("you do not have the controls")
	errNoLease   = errors.New("every operator of this server has the controls")
)

// settle frees controls that were not used for long enough.
func (l *lease) settle(now time.Time) {
	switch {
	case now.Sub(l.used) >= leaseLasts, l.asker != "" && now.Sub(l.asked) >= leaseAsked:
		l.holder, l.name, l.asker = "", "", ""
	}
}

// use notes a command of a client, or says who has the controls.
func (l *lease) use(key, name string, now time.Time) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.settle(now)
	if l.holder != "" && l.holder != key {
		return fmt.Errorf("%s has the controls: :%s %s asks for them", l.name, leaseName, leaseTake)
	}
	l.holder, l.name, l.used, l.asker = key, name, now, ""
	return nil
}

// request takes or releases the controls. event is what the others are to be told, if anything.
func (l *lease) request(what, key, name string, role access.Role, now time.Time) (event string, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.settle(now)
	mine := l.holder == key
	switch {
	case what == leaseRelease && !mine:
		return "", errNotHolder
	case what == leaseRelease:
		l.holder, l.name, l.asker = "", "", ""
		return name + " has released the controls", nil
	case what != leaseTake:
		return "", fmt.Errorf("%s %q: use %s or %s", leaseName, what, leaseTake, leaseRelease)
	case mine:
		l.used, l.asker = now, ""
		return "", nil
	case l.holder == "" || role.May(access.Admin):
		l.holder, l.name, l.used, l.asker = key, name, now, ""
		return name + " has the controls", nil
	}
	first := l.asker == ""
	if first {
		l.asker, l.asked = key, now
	}
	left := max(leaseAsked-now.Sub(l.asked), time.Second).Round(time.Second)
	err = fmt.Errorf("%s has the controls and was asked: ask again in %s, unless they are used until then", l.name, lasting(left))
	if first {
		event = fmt.Sprintf("%s asks %s for the controls", name, l.name)
	}
	return event, err
}

// controls checks a command against the lease, if there is one. done says that it was
// about the controls themselves and that nothing is left to do.
func (v *viewer) controls(set map[string]string) (done bool, err error) {
	l := v.server.lease
	what, about := set[leaseName]
	switch {
	case about && l == nil:
		return true, errNoLease
	case about && len(set) > 1:
		return true, fmt.Errorf("%s goes with no other setting", leaseName)
	case l == nil:
		return false, nil
	case !about:
		return false, l.use(v.owner, v.who.Name, time.Now())
	}
	event, err := l.request(what, v.owner, v.who.Name, v.who.Role, time.Now())
	if event != "" {
		v.server.Event(Event{Kind: leaseName, Severity: Info, Time: time.Now(), Text: event})
	}
	return true, err
}
