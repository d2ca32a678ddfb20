// Structural similarity over an 11x11 Gaussian window with full support, summed per region.
//
// One channel per block: R, G or B, or luma. A tile with its halo lies in shared memory, first as
// pixels about their mid-grey, then as horizontal sums. Every sum adds the center first, then one
// pair of taps after the other outwards, in separate products and additions, so that the same
// bits come out everywhere.

#include "luma.cuh"
#include "region_sums.cuh"

constexpr int RADIUS = 5;
constexpr int COLUMNS = 32;
constexpr int ROWS = 16;
constexpr int WIDE = COLUMNS + 2 * RADIUS;
constexpr int HIGH = ROWS + 2 * RADIUS;
constexpr int THREADS = 256;
constexpr int MOMENTS = 4;  // x, y, xx + yy, xy

// exp(-k^2 / 4.5), k = 0..5, over the sum of all eleven taps
constexpr double WINDOW[RADIUS + 1] = {
    0.26601172486179436, 0.2130055377112537, 0.10936068950970002,
    0.03600077212843082, 0.007598758135239184, 0.0010283800844791099
};

struct Moments {
    double x, y, squares, product;
};

__device__ __forceinline__ void add_tap(double& sum, double weight, double one, double other)
{
    sum = sum + weight * (one + other);
}

__device__ __forceinline__ Moments row_moments(const int* u, const int* v)
{
    const double a = u[RADIUS];
    const double b = v[RADIUS];
    Moments sum = {WINDOW[0] * a, WINDOW[0] * b, WINDOW[0] * (a * a + b * b), WINDOW[0] * (a * b)};
#pragma unroll
    for (int k = 1; k <= RADIUS; ++k) {
        const double left_x = u[RADIUS - k], right_x = u[RADIUS + k];
        const double left_y = v[RADIUS - k], right_y = v[RADIUS + k];
        add_tap(sum.x, WINDOW[k], left_x, right_x);
        add_tap(sum.y, WINDOW[k], left_y, right_y);
        add_tap(sum.squares, WINDOW[k], left_x * left_x + left_y * left_y,
                right_x * right_x + right_y * right_y);
        add_tap(sum.product, WINDOW[k], left_x * left_y, right_x * right_y);
    }
    return sum;
}

__device__ __forceinline__ double column_sum(const double* first)
{
    double sum = WINDOW[0] * first[RADIUS * COLUMNS];
#pragma unroll
    for (int k = 1; k <= RADIUS; ++k)
        add_tap(sum, WINDOW[k], first[(RADIUS - k) * COLUMNS], first[(RADIUS + k) * COLUMNS]);
    return sum;
}

__device__ __forceinline__ double ssim(Moments mean, double middle, double c1, double c2)
{
    const double variances = mean.squares - (mean.x * mean.x + mean.y * mean.y);
    const double covariance = mean.product - mean.x * mean.y;
    const double x = mean.x + middle;
    const double y = mean.y + middle;
    const double luminance = 2 * (x * y) + c1;
    const double structure = 2 * covariance + c2;
    const double brightness = (x * x + y * y) + c1;
    const double contrast = variances + c2;
    return (luminance * structure) / (brightness * contrast);
}

extern "C" __global__ void __launch_bounds__(256) ssim_gaussian(
    const unsigned char* __restrict__ x,     // (batch, 3, height, width) through the strides below
    const unsigned char* __restrict__ y,     // (batch, 3, height, width) through the strides below
    const unsigned char* __restrict__ mask,  // (batch, regions, height, width), 0 or 1
    unsigned long long* __restrict__ sums,   // (batch, channels, regions, SUMS), zero at the start
    int height, int width, int regions, int channels,  // one channel stands for luma
    long long x_batch, long long x_channel, long long x_pixel,
    long long y_batch, long long y_channel, long long y_pixel, long long mask_batch,
    int middle, double c1, double c2)  // mid-grey and the stabilisers, in the channel's unit
{
    __shared__ int tile_x[HIGH][WIDE];
    __shared__ int tile_y[HIGH][WIDE];
    __shared__ double horizontal[MOMENTS][HIGH][COLUMNS];
    __shared__ unsigned long long partial[THREADS / WARP][REGIONS * SUMS];

    const int layers = (regions + REGIONS - 1) / REGIONS;
    const int channel = blockIdx.z % channels;
    const int first_region = blockIdx.z / channels % layers * REGIONS;
    const long long image = blockIdx.z / (channels * layers);
    const int here = min(regions - first_region, REGIONS);
    const long long pixels = (long long)height * width;
    x += image * x_batch + channel * x_channel;
    y += image * y_batch + channel * y_channel;
    mask += image * mask_batch + first_region * pixels;

    // the tile's first pixel is the corner of the first window, so halos begin inside the image
    const int left = blockIdx.x * COLUMNS;
    const int top = blockIdx.y * ROWS;
    for (int i = threadIdx.x; i < HIGH * WIDE; i += THREADS) {
        // beyond the image repeats its last pixels, for windows that nobody reads
        const int row = min(top + i / WIDE, height - 1);
        const int col = min(left + i % WIDE, width - 1);
        const long long pixel = (long long)row * width + col;
        const unsigned char* p = x + pixel * x_pixel;
        const unsigned char* q = y + pixel * y_pixel;
        tile_x[i / WIDE][i % WIDE] = (channels == 1 ? luma_of(p, x_channel) : *p) - middle;
        tile_y[i / WIDE][i % WIDE] = (channels == 1 ? luma_of(q, y_channel) : *q) - middle;
    }
    __syncthreads();

    for (int i = threadIdx.x; i < HIGH * COLUMNS; i += THREADS) {
        const int row = i / COLUMNS;
        const int col = i % COLUMNS;
        const Moments sum = row_moments(&tile_x[row][col], &tile_y[row][col]);
        horizontal[0][row][col] = sum.x;
        horizontal[1][row][col] = sum.y;
        horizontal[2][row][col] = sum.squares;
        horizontal[3][row][col] = sum.product;
    }
    __syncthreads();

    RegionSums totals = {};
    for (int i = threadIdx.x; i < ROWS * COLUMNS; i += THREADS) {
        const int row = i / COLUMNS;
        const int col = i % COLUMNS;
        if (top + row >= height - 2 * RADIUS || left + col >= width - 2 * RADIUS) continue;
        const long long center = (long long)(top + row + RADIUS) * width + left + col + RADIUS;
        const unsigned int inside = regions_of(mask + center, pixels, here);
        if (inside == 0) continue;
        const Moments mean = {
            column_sum(&horizontal[0][row][col]), column_sum(&horizontal[1][row][col]),
            column_sum(&horizontal[2][row][col]), column_sum(&horizontal[3][row][col])};
        add_to_regions(totals, inside, in_steps(ssim(mean, middle, c1, c2)));
    }

    leave_warp_sums(totals, here, threadIdx.x, partial);
    __syncthreads();
    add_block_sums(partial, THREADS / WARP, here, threadIdx.x,
                   sums + ((image * channels + channel) * regions + first_region) * SUMS);
}
