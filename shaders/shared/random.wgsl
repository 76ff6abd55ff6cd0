// Threefry-2x32 with 20 rounds (Salmon et al. 2011) and dropout by counter; the numbers are those of `Key` in crates/tensor.

fn rotate_left(x: u32, bits: u32) -> u32 {
    return (x << bits) | (x >> (32u - bits));
}

fn four_rounds(x: vec2<u32>, rotations: vec4<u32>) -> vec2<u32> {
    var y = x;
    for (var i = 0u; i < 4u; i += 1u) { // unrolled
        y.x += y.y;
        y.y = rotate_left(y.y, rotations[i]) ^ y.x;
    }
    return y;
}

/// The 64 random bits of `key` at `counter`.
fn random_bits(key: vec2<u32>, counter: vec2<u32>) -> vec2<u32> {
    let parity = 0x1BD11BDAu ^ key.x ^ key.y;
    let first = vec4<u32>(13u, 15u, 26u, 6u);
    let second = vec4<u32>(17u, 29u, 16u, 24u);
    var x = counter + key;
    x = four_rounds(x, first) + vec2<u32>(key.y, parity + 1u);
    x = four_rounds(x, second) + vec2<u32>(parity, key.x + 2u);
    x = four_rounds(x, first) + vec2<u32>(key.x, key.y + 3u);
    x = four_rounds(x, second) + vec2<u32>(key.y, parity + 4u);
    return four_rounds(x, first) + vec2<u32>(parity, key.x + 5u);
}

/// The key for `number` under `key`.
fn fold_in(key: vec2<u32>, number: u32) -> vec2<u32> {
    return random_bits(key, vec2<u32>(number, 0xF01DF01Du));
}

/// The factor of element (row, column): 0 where it is dropped, else `scale`; a threshold of 0 keeps everything and draws nothing.
fn dropout_factor(key: vec2<u32>, site: u32, row: u32, column: u32, threshold: u32, scale: f32) -> f32 {
    if threshold == 0u {
        return 1.0;
    }
    let words = random_bits(fold_in(key, site), vec2<u32>(row, column / 2u));
    return select(0.0, scale, words[column % 2u] >= threshold);
}
