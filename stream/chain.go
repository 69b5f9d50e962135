package stream

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
)

// hashBytes is how much is kept of each SHA-256 of the chain. Nobody needs to be kept
// from forging an event: who could is the server. It tells two histories apart.
const hashBytes = 16

// A Hash closes the chain of an event log up to one entry: it stands for that entry
// and all before it.
type Hash [hashBytes]byte

func (h Hash) String() string { return hex.EncodeToString(h[:]) }

// firstHash is that of an epoch's empty log.
func firstHash(epoch string) Hash {
	sum := sha256.Sum256([]byte(epoch))
	return Hash(sum[:hashBytes])
}

// next is the hash after an entry that follows h.
func (h Hash) next(offset uint64, stored []byte) Hash {
	s := sha256.New()
	s.Write(h[:])
	s.Write(binary.BigEndian.AppendUint64(nil, offset))
	s.Write(stored)
	return Hash(s.Sum(nil)[:hashBytes])
}

// hashOf reads a hash from outside; ok is false if it is none.
func hashOf(b []byte) (h Hash, ok bool) {
	if len(b) != hashBytes {
		return h, false
	}
	return Hash(b), true
}
