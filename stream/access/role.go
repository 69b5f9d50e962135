package access

import "fmt"

// A Role is what somebody may do. Each includes those below it. The zero Role is
// nobody and may do nothing.
type Role uint8

// The roles.
const (
	Viewer   Role = iota + 1 // watches
	Operator                 // tunes, too
	Admin                    // also sees and ends the sessions of others
)

var roleNames = map[Role]string{Viewer: "viewer", Operator: "operator", Admin: "admin"}

func (r Role) String() string {
	if name, ok := roleNames[r]; ok {
		return name
	}
	return "nobody"
}

// May reports whether r includes least. What nobody was given, nobody may do.
func (r Role) May(least Role) bool { return least >= Viewer && r >= least }

// ParseRole reads what String writes.
func ParseRole(s string) (Role, error) {
	for r, name := range roleNames {
		if s == name {
			return r, nil
		}
	}
	return 0, fmt.Errorf("role %q: use viewer, operator or admin", s)
}
