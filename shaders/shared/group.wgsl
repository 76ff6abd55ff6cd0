// What all lanes of a workgroup have, put together. The including file declares `GROUP`, how many lanes there are: a power of two.

var<workgroup> lanes: array<f32, GROUP>;

/// The largest of all lanes' numbers.
fn largest_of_all(lane: u32, number: f32) -> f32 {
    lanes[lane] = number;
    for (var half = GROUP / 2u; half > 0u; half /= 2u) {
        workgroupBarrier();
        if lane < half {
            lanes[lane] = max(lanes[lane], lanes[lane + half]);
        }
    }
    return workgroupUniformLoad(&lanes[0]);
}

/// The sum of all lanes' numbers, by halves.
fn sum_of_all(lane: u32, number: f32) -> f32 {
    lanes[lane] = number;
    for (var half = GROUP / 2u; half > 0u; half /= 2u) {
        workgroupBarrier();
        if lane < half {
            lanes[lane] += lanes[lane + half];
        }
    }
    return workgroupUniformLoad(&lanes[0]);
}
