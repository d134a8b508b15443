package eventmatch

// The event types and payload paths an index knows: which there are, how many
// definitions use each, and the dense ids the rest of the index calls them by.

// useType counts a combination for an event type.
func (w *writer) useType(s *snapshot, name string, payload bool) *typeUse {
	use := w.types[name]
	if use == nil {
		use = &typeUse{id: uint32(w.typeIDs.get())}
		w.types[name] = use
		for int(use.id) >= len(w.typeNames) {
			w.typeNames = append(w.typeNames, "")
		}
		w.typeNames[use.id] = name
		s.putType(&typeIndex{name: name, id: use.id})
	}
	use.all++
	if payload {
		if use.payload++; use.payload == 1 {
			s.changeType(name, func(ti *typeIndex) { ti.payload = true })
		}
	}
	return use
}

// freeType undoes useType.
func (w *writer) freeType(s *snapshot, name string, payload bool) {
	use := w.types[name]
	if payload {
		if use.payload--; use.payload == 0 {
			s.changeType(name, func(ti *typeIndex) { ti.payload = false })
		}
	}
	if use.all--; use.all == 0 {
		delete(w.types, name)
		w.typeNames[use.id] = ""
		w.typeIDs.put(int32(use.id))
		s.dropType(name)
	}
}

// changeType replaces what the snapshot knows about a type.
func (s *snapshot) changeType(name string, change func(*typeIndex)) {
	ti := *s.typeNamed(name)
	change(&ti)
	s.putType(&ti)
}

func (s *snapshot) putType(ti *typeIndex) {
	ti.sibling = s.typesLike(ti.name)
	s.types = s.types.set(s.hash.string(ti.name), ti)
}

func (s *snapshot) dropType(name string) {
	if chain := s.typesLike(name); chain != nil {
		s.types = s.types.set(s.hash.string(name), chain)
	} else {
		s.types = s.types.del(s.hash.string(name))
	}
}

// typesLike returns copies of the types whose names hash like name, other than
// name itself; nil but for a hash collision.
func (s *snapshot) typesLike(name string) (chain *typeIndex) {
	found := s.types.get(s.hash.string(name))
	if found == nil {
		return nil
	}
	for ti := *found; ti != nil; ti = ti.sibling {
		if ti.name != name {
			other := *ti
			other.sibling = chain
			chain = &other
		}
	}
	return chain
}

// usePath returns the id of a path, making it wanted by the types.
func (w *writer) usePath(s *snapshot, types []uint32, f field) int32 {
	if f.envelope != inPayload {
		w.envelope[f.envelope]++
		s.envelopeUsed |= 1 << f.envelope
		return int32(f.envelope)
	}
	use := w.paths[f.name]
	if use == nil {
		use = &pathUse{}
		w.paths[f.name] = use
		use.id = s.plant(w, f, typeBit(types[0]))
		for int(use.id) >= len(w.fields) {
			w.fields = append(w.fields, field{})
		}
		w.fields[use.id] = f
	}
	use.refs++
	for _, typeID := range types {
		bit := typeBit(typeID)
		if count(w.pathBits, pathBit{use.id, bit}, 1) == 1 {
			s.plant(w, f, bit)
		}
	}
	return use.id
}

func (s *snapshot) plant(w *writer, f field, bit uint64) (id int32) {
	s.root, id = s.root.plant(s.hash, f.keys, bit, w.pathIDs.get)
	s.paths = max(s.paths, w.pathIDs.next)
	return id
}

// freePath undoes usePath.
func (w *writer) freePath(s *snapshot, types []uint32, f field) {
	if f.envelope != inPayload {
		if w.envelope[f.envelope]--; w.envelope[f.envelope] == 0 {
			s.envelopeUsed &^= 1 << f.envelope
		}
		return
	}
	use := w.paths[f.name]
	for _, typeID := range types {
		if bit := typeBit(typeID); count(w.pathBits, pathBit{use.id, bit}, -1) == 0 {
			s.root = s.root.uproot(s.hash, f.keys, bit, w.pathIDs.put)
		}
	}
	if use.refs--; use.refs == 0 {
		delete(w.paths, f.name)
		w.fields[use.id] = field{}
	}
}

// fieldOf is the field whose values have a path id.
func (w *writer) fieldOf(path int32) field {
	if path < int32(envelopeFields) && path != int32(inPayload) {
		return field{envelope: envelopeField(path)}
	}
	return w.fields[path]
}
