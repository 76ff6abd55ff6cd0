// Which entry of an embedding table a token or a position selects. Needs no binding.

/// Tokens and learned positions select themselves (`divide` 1, `modulo` the table's rows); axial positions a row of a grid
/// (`divide` its inner size) or a column (`modulo` its inner size).
fn selected(selector: u32, divide: u32, modulo: u32) -> u32 {
    return selector / divide % modulo;
}
