// Linear indices of one-dimensional work that is spread over two dimensions of workgroups. Nothing of tensors.

/// Invocations of a workgroup of element-wise kernels.
const LANES: u32 = 64u;

/// The number of this invocation, x fastest: at most 65,535 workgroups fit in one dimension.
fn linear(id: vec3<u32>, groups: vec3<u32>) -> u32 {
    return id.x + id.y * groups.x * LANES;
}
