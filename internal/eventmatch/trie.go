package eventmatch

import (
	"hash/maphash"
	"strings"
)

// tnode is one level of the tree of payload paths that definitions look at. It
// is immutable: plant and uproot return a changed copy of one branch. The
// scanner walks it in step with the payload.
type tnode struct {
	key string
	id  int32 // dense, of its path, so that scratch space can be an array
	// leaf and below say which event types want a value at this path, and which
	// want something deeper, as bits typeBit assigns. A bit may be shared by
	// several types: what nobody wanted is then read and thrown away.
	leaf, below uint64
	bloom       uint64 // keyBit of every child's key
	odd         bool   // some child's key contains U+FFFD, the stand-in for invalid UTF-8
	children    *hnode[*tnode]
	sibling     *tnode // another child of the same parent whose key hashes alike
}

// typeBit gives an event type, by its id, one of 64 bits.
func typeBit(typeID uint32) uint64 { return 1 << (typeID & 63) }

// keyBit gives a key one of 64 bits, so that most keys of a payload are known
// not to be in a small set without hashing them.
func keyBit(first, last byte, n int) uint64 {
	return 1 << ((uint(first)*5 ^ uint(last)*3 ^ uint(n)*11) & 63)
}

func bloomBit[T string | []byte](key T) uint64 {
	if len(key) == 0 {
		return 1
	}
	return keyBit(key[0], key[len(key)-1], len(key))
}

// hasher hashes keys and values; narrow, set by tests only, throws most of the
// hash away so that collisions happen all the time.
type hasher struct {
	seed   maphash.Seed
	narrow bool
}

func (h hasher) bytes(b []byte) uint64 { return h.cut(maphash.Bytes(h.seed, b)) }

func (h hasher) string(s string) uint64 { return h.cut(maphash.String(h.seed, s)) }

func (h hasher) cut(sum uint64) uint64 {
	if h.narrow {
		return sum & 3
	}
	return sum
}

// child returns the node under key, or nil.
func (n *tnode) child(h hasher, key []byte) *tnode {
	found := n.children.get(h.bytes(key))
	if found == nil {
		return nil
	}
	for c := *found; c != nil; c = c.sibling {
		if c.key == string(key) {
			return c
		}
	}
	return nil
}

// plant returns n with the path below it, its leaf wanted by the types of bit,
// and the id of the path. newID is called for each node that has to be made.
func (n *tnode) plant(h hasher, keys []string, bit uint64, newID func() int32) (*tnode, int32) {
	c := *n
	if len(keys) == 0 {
		c.leaf |= bit
		return &c, c.id
	}
	key := keys[0]
	child := n.child(h, []byte(key))
	if child == nil {
		child = &tnode{key: key, id: newID()}
	}
	child, id := child.plant(h, keys[1:], bit, newID)
	c.below |= bit
	c.bloom |= bloomBit(key)
	c.odd = c.odd || strings.Contains(key, "\ufffd")
	c.putChild(h, child)
	return &c, id
}

// uproot returns n with bit no longer wanting the path's leaf, or nil when
// nothing is left of n; the root, whose id is 0, always stays. freeID is called
// for each node that is gone.
func (n *tnode) uproot(h hasher, keys []string, bit uint64, freeID func(int32)) *tnode {
	c := *n
	if len(keys) == 0 {
		c.leaf &^= bit
	} else {
		child := n.child(h, []byte(keys[0]))
		if child == nil {
			return n
		}
		if left := child.uproot(h, keys[1:], bit, freeID); left != nil {
			c.putChild(h, left)
		} else {
			c.dropChild(h, keys[0])
		}
		c.refresh()
	}
	if c.leaf == 0 && c.children == nil && c.id != 0 {
		freeID(c.id)
		return nil
	}
	return &c
}

// putChild replaces or adds a child.
func (n *tnode) putChild(h hasher, child *tnode) {
	chain := n.chainWithout(h, child.key)
	child.sibling = chain
	n.children = n.children.set(h.string(child.key), child)
}

func (n *tnode) dropChild(h hasher, key string) {
	if chain := n.chainWithout(h, key); chain != nil {
		n.children = n.children.set(h.string(key), chain)
	} else {
		n.children = n.children.del(h.string(key))
	}
}

// chainWithout returns copies of the children whose keys hash like key, other
// than key itself; nil but for a hash collision.
func (n *tnode) chainWithout(h hasher, key string) (chain *tnode) {
	found := n.children.get(h.string(key))
	if found == nil {
		return nil
	}
	for c := *found; c != nil; c = c.sibling {
		if c.key != key {
			other := *c
			other.sibling = chain
			chain = &other
		}
	}
	return chain
}

// refresh narrows what the node says about its children after one of them went.
// A very wide node is left as it is: saying too much only costs time.
func (n *tnode) refresh() {
	const wide = 64
	if n.children != nil && len(n.children.children)+len(n.children.items) > wide/2 {
		return
	}
	n.below, n.bloom = 0, 0
	n.children.each(func(_ uint64, child *tnode) {
		for c := child; c != nil; c = c.sibling {
			n.below |= c.leaf | c.below
			n.bloom |= bloomBit(c.key)
		}
	})
}

// idPool hands out small dense numbers and takes them back.
type idPool struct {
	free []int32
	next int32
}

func (p *idPool) get() int32 {
	if n := len(p.free); n > 0 {
		id := p.free[n-1]
		p.free = p.free[:n-1]
		return id
	}
	p.next++
	return p.next - 1
}

func (p *idPool) put(id int32) { p.free = append(p.free, id) }
